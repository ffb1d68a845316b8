"""What the README and its pages show runs as it stands, and what they point to is there."""

import re
import runpy
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from privattack.errors import UserError

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / ".github/docs").glob("*.md"))]


def script(page: str) -> str:
    """Return the Python of a page."""
    text = (ROOT / ".github/docs" / page).read_text()
    (code,) = re.findall(r"^```python$(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_points_to_is_there(page):
    places = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    missing = [place for place in places if not (page.parent / place).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_are_there(page):
    named = re.findall(r"`((?:privattack|conf|tests)/[\w/.-]+\.(?:py|yaml))`", page.read_text())
    made_up = {"blended"}  # what a page shows how to write
    assert [name for name in named if not (ROOT / name).exists() and not made_up & {*re.split(r"[/._]", name)}] == []


def test_the_readme_is_read_in_a_sitting():
    assert len(PAGES[0].read_text().splitlines()) <= 200


@pytest.mark.filterwarnings("ignore")
def test_the_script_from_python_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(script("python.md"))
    names = runpy.run_path("script.py")
    assert names["run"].result.run.attack == "mia"
    assert names["found"].result.attackers[0].metrics["auc"].value > 0.6
    assert names["service"].remaining == 0
    assert (tmp_path / "outputs/report.html").exists()


def test_the_defence_that_the_page_writes_is_one(tmp_path):
    (tmp_path / "blended.py").write_text(script("extending.md"))
    blended = runpy.run_path(str(tmp_path / "blended.py"))["Blended"]
    said = torch.randn(20, 10).log_softmax(dim=1)
    answer = blended(share=0.5)(said, torch.zeros(20, 1, 8, 8))
    torch.testing.assert_close(answer.exp(), 0.5 * said.exp() + 0.05, atol=1e-4, rtol=0)
    with pytest.raises(UserError, match="share=2"):
        blended(share=2)
    (option,) = re.findall(r"^```yaml$(.*?)^```$", (ROOT / ".github/docs/extending.md").read_text(), re.M | re.S)
    assert option.strip().startswith("# ")
    assert OmegaConf.create(option)._target_ == "privattack.defences.blended.Blended"
