"""One command writes the page's plots as files for a paper."""

import pytest

from privattack.report.figures import main


@pytest.mark.parametrize(("form", "begins"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_every_plot_of_the_page_is_a_file(form, begins, make_suite, write_run, capsys):
    folder = write_run(make_suite({"loss": 0.01, "lira": 0.08}), "run", curves=True)
    main([str(folder), "--format", form])
    files = sorted((folder / "figures").iterdir())
    assert capsys.readouterr().out.split() == [str(file) for file in files]
    assert [file.name for file in files] == [
        f"0{number}-{name}.{form}"
        for number, name in enumerate(
            [
                "what_the_attackers_reach-defence_none_8_targets", "roc-mia_suite_none",
                "membership_scores-mia_suite_none_lira", "membership_scores-mia_suite_none_loss",
            ], 1
        )
    ]  # fmt: skip
    assert all(file.read_bytes().startswith(begins) for file in files)


def test_where_there_is_nothing_to_draw_it_says_so(tmp_path):
    with pytest.raises(SystemExit, match="no result there has a plot"):
        main([str(tmp_path)])
    with pytest.raises(SystemExit, match="there is no such folder"):
        main([str(tmp_path / "nowhere")])
