"""Tables for a paper: each figure in its place, and bold where nobody is surely better."""

import csv
import io

import pytest

from privattack.errors import UserError
from privattack.report.paper import main, paper_table, written
from privattack.results.collect import collect
from tests.made_up_results import measurement


@pytest.fixture
def runs(make_result, write_run, tmp_path):
    """Return runs of three attacks on two services: on one the best two cannot be told apart."""
    for attack, open_service, labels in (("mea", 0.90, 0.80), ("knockoff", 0.91, 0.60), ("jbda", 0.50, 0.79)):
        for defence, fidelity in (("none", open_service), ("label_only", labels)):
            result = make_result({"adaptive": {"fidelity": fidelity}}, attack=attack, defence=defence)
            write_run(result, f"{attack}-{defence}")
    return collect([tmp_path]).runs


def test_the_best_of_a_column_is_bold_and_whoever_it_does_not_surely_exceed(runs):
    table = paper_table(runs, rows="attack", columns="defence")
    assert (sorted(table.rows), table.columns) == (["jbda", "knockoff", "mea"], ["none", "label_only"])
    bold = {row: [entry.bold for entry in line] for row, line in zip(table.rows, table.entries, strict=True)}
    assert bold == {"mea": [True, True], "knockoff": [True, False], "jbda": [False, True]}


def test_each_form_has_figures_with_their_intervals(runs):
    table = paper_table(runs, rows="attack", columns="defence")
    lines = written(table, "markdown").splitlines()
    assert lines[0] == "| attack | none | label_only |"
    assert "| mea | **90.0** [88.0, 92.0] | **80.0** [78.0, 82.0] |" in lines
    latex = written(table, "latex")
    assert r"attack & none & label\_only \\" in latex
    assert r"knockoff & \textbf{91.0} {\scriptsize [89.0, 93.0]} & 60.0 {\scriptsize [58.0, 62.0]} \\" in latex
    rows = list(csv.DictReader(io.StringIO(written(table, "csv"))))
    assert {row["attack"]: float(row["none_value"]) for row in rows} == {"mea": 0.9, "knockoff": 0.91, "jbda": 0.5}


def test_attackers_stand_side_by_side_and_a_missing_run_is_a_gap(make_result, write_run, tmp_path):
    write_run(make_result({"lira": {"auc": 0.7}, "loss": {"auc": 0.55}}, attack="mia_suite"), "a")
    write_run(make_result({"lira": {"auc": 0.6}}, attack="lira", defence="flatten"), "b")
    table = paper_table(collect([tmp_path]).runs, rows="attacker", columns="defence")
    assert written(table, "markdown").splitlines()[2:] == [
        "| lira | **0.60** [0.58, 0.62] | **0.70** [0.68, 0.72] |",
        "| loss | - | 0.55 [0.53, 0.57] |",
    ]


def test_a_table_that_cannot_be_made_is_refused_in_a_sentence(runs, capsys, tmp_path):
    with pytest.raises(UserError, match="two results belong at jbda and digits; they differ in defence"):
        paper_table(runs, rows="attack", columns="data")
    with pytest.raises(UserError, match="has no such setting; choose attacker or one of attack, defence"):
        paper_table(runs, rows="attack", columns="colour")
    with pytest.raises(UserError, match="--metric auc: no attacker who queries has it"):
        paper_table(runs, rows="attack", columns="defence", metric="auc")
    with pytest.raises(SystemExit, match="there is no such folder"):
        main([str(tmp_path / "nowhere")])
    main([str(tmp_path), "--format", "latex"])
    assert capsys.readouterr().out.count(r"\\") == 4


def test_what_has_no_spread_is_written_as_it_is(make_result, write_run, tmp_path):
    write_run(make_result({"adaptive": {"fidelity": measurement(0.5)}}, attack="a_b&c"), "a")
    table = paper_table(collect([tmp_path]).runs, rows="attack", columns="defence")
    assert r"a\_b\&c" in written(table, "latex")
