"""Curves of one run are runs at each budget; surrogates stand beside their target with what they cost."""

import csv
import json

import pytest

from privattack.findings.findings import findings
from privattack.report.cells import Line
from privattack.report.console import table
from privattack.report.page import page
from privattack.report.plots import against_budget
from privattack.report.summary import write_summary
from privattack.report.surrogates import extractions, tables
from privattack.results.collect import collect
from privattack.results.curves import at_each_budget
from tests.made_up_results import typed

CURVES = {"adaptive": {100: 0.7, 300: 0.8, 1000: 0.9}, "no_query": {100: 0.5, 300: 0.6, 1000: 0.65}}


@pytest.fixture
def collected(write_run):
    def collected(*results):
        for number, result in enumerate(results):
            folder = write_run(result, str(number)).parent
        return collect([folder])

    return collected


def test_a_curve_is_a_result_at_each_budget_the_last_is_the_run(make_extraction):
    result = typed(make_extraction(CURVES))
    apart = at_each_budget(result)
    assert [one.run.budget for one in apart] == [100, 300, 1000]
    assert apart[0].attackers[1].metrics["fidelity"].value == 0.5
    assert apart[0].service.images == 100
    assert apart[0].service.rounds is None
    assert apart[-1] is result


def test_one_run_with_curves_is_drawn_against_budget(make_extraction, collected):
    fidelity, accuracy = against_budget(collected(make_extraction(CURVES)).runs)
    drawn = {curve.name: curve for curve in fidelity.plot.curves}
    assert (drawn["adaptive"].x, drawn["adaptive"].y) == ([100, 300, 1000], [0.7, 0.8, 0.9])
    assert accuracy.title == "mea: accuracy, unqueried"


def test_a_budget_that_was_run_by_itself_too_is_one_point(make_extraction, collected):
    alone = make_extraction({name: {300: curve[300]} for name, curve in CURVES.items()})
    fidelity, _ = against_budget(collected(make_extraction(CURVES), alone).runs)
    drawn = {curve.name: curve for curve in fidelity.plot.curves}
    assert drawn["adaptive"].x == [100, 300, 1000]


def test_the_summary_has_a_row_per_attacker_and_budget(make_extraction, collected, tmp_path):
    write_summary(tmp_path / "summary.csv", collected(make_extraction(CURVES)))
    with (tmp_path / "summary.csv").open(newline="") as file:
        rows = [(row["attacker"], row["budget"], row["fidelity"], row["pool"]) for row in csv.DictReader(file)]
    assert rows[:3] == [
        ("adaptive", "100", "0.7", "test"), ("no_query", "100", "0.5", "test"), ("adaptive", "300", "0.8", "test")
    ]  # fmt: skip
    assert len(rows) == 6


def test_the_console_has_the_largest_budget_and_a_line_per_curve(make_extraction, tmp_path):
    text = table(typed(make_extraction(CURVES)), tmp_path)
    assert "adaptive fidelity: 100 70.0, 300 80.0, 1,000 90.0 %" in text.splitlines()
    assert sum("90.00 [89.0, 91.0]" in line for line in text.splitlines()) == 1


def test_the_page_shows_surrogates_with_pool_floor_and_cost(make_extraction, collected):
    result = make_extraction(CURVES, {"transfer.epsilon": 0.2})
    result["attackers"][0]["metrics"]["transfer_fgsm"] = result["target"]["test_accuracy"]
    result["service"]["money"] = 1.5
    collection = collected(result)
    text = page(collection, [])
    assert "test (10,000 images, data digits): 1,000 of the 1,000 images that surrogates are judged by lie in" in text
    (table,) = tables(extractions(collection.runs))
    assert "Transfer, FGSM" in table.titles
    assert "Transfer, PGD" not in table.titles
    shown = dict(zip(table.titles, table.rows[0], strict=True))
    assert shown["Surrogate by"] == "adaptive"
    assert shown["Fidelity without a query"] == Line("[64.0, 66.0]", value="65.0")
    assert table.titles[-4:] == ["Queries", "Calls", "Money", "Fidelity points per 1,000 queries"]
    assert table.rows[0][-4:] == ["1,000", "3", "1.50", "90.0"]


def test_older_results_have_neither_pool_nor_rounds(make_result, collected):
    collection = collected(make_result({"adaptive": {"fidelity": 0.9}}))
    (table,) = tables(extractions(collection.runs))
    assert "Money" not in table.titles
    assert table.rows[0][-3:] == ["3,000", "-", "30.0"]
    assert "Queries come from the pool" not in page(collection, [])


def test_membership_inference_has_no_surrogates(make_suite, collected):
    assert tables(extractions(collected(make_suite()).runs)) == []


def test_a_curve_holds_the_studys_budget_too(make_extraction, measured):
    result = make_extraction({"published": {1000: 0.7, 3000: 0.8966, 6000: 0.95}}, data="mnist")
    assert any("reproduces the study: 89.7 %" in sentence for sentence in findings(typed([result])))


@pytest.mark.parametrize("settings", [{"budget": [100, 1000]}, {"budgets": [100, 1000]}])  # the second one older
def test_runs_with_and_without_curves_are_compared(make_extraction, settings):
    curves = {"adaptive": {100: 0.7, 1000: 0.9}}
    undefended = make_extraction(curves, settings)
    defended = make_extraction(
        {"adaptive": {1000: 0.7}}, dict.fromkeys(settings.keys() - {"budget"}), defence="label_only"
    )
    assert any(
        "label_only costs the adaptive attacker 20.0 points" in one for one in findings(typed([undefended, defended]))
    )


@pytest.mark.parametrize("damage", [
    lambda result: result["attackers"][0]["curve"][0].pop("budget"),
    lambda result: result["attackers"][0]["curve"][0]["metrics"]["fidelity"].update(value=2.0),
    lambda result: result["pool"].update(images="many"),
])  # fmt: skip
def test_a_damaged_curve_or_pool_is_named(make_extraction, write_run, caplog, damage):
    result = json.loads(json.dumps(make_extraction(CURVES)))
    damage(result)
    folder = write_run(result, "damaged")
    assert collect([folder]).runs == []
    assert "result.json: cannot be read" in caplog.text
