"""The pages of attacks and defences say what the program says."""

from pathlib import Path

from privattack.command_line.pages import main, pages
from privattack.command_line.vocabulary import CONF

PLACE = Path(__file__).parents[2] / ".github/docs"


def test_the_pages_are_up_to_date():
    made = pages()
    here = {path.relative_to(PLACE) for folder in ("attacks", "defences") for path in (PLACE / folder).glob("*.md")}
    assert here == {*made}
    again = "python -m privattack.command_line.pages"
    assert [str(place) for place, text in made.items() if (PLACE / place).read_text() != text] == [], again


def test_every_option_stands_on_a_page_with_its_settings():
    text = "\n".join(pages().values())
    for group in ("attack", "defence"):
        for option in (CONF / group).glob("*.yaml"):
            assert f"python run.py {group}={option.stem} " in text
    assert "| `defence.epsilon` | `0.95` | from 0 to 2; from about 1 on, the winner of a sure answer changes" in text


def test_one_command_writes_them(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["pages", str(tmp_path)])
    main()
    assert (tmp_path / "attacks/lira.md").read_text().startswith("# lira\n")
