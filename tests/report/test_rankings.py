"""Attackers on one target stand side by side, whichever runs they are from; what they find together is shown."""

import pytest

from privattack.report.cells import Line
from privattack.report.rankings import rankings, tables
from privattack.report.together import together
from privattack.results.collect import collect
from privattack.results.figures import best, ranked, ranking_metric
from tests.made_up_results import typed


@pytest.fixture
def runs(make_suite, write_run):
    folder = write_run(make_suite(), "suite").parent
    alone = {"attack": "label_only_boundary", "budget": 90_000}
    write_run(make_suite({"label_only_boundary": 0.06}, **alone) | {"found": None}, "boundary")
    write_run(make_suite(defence="flatten"), "flatten")
    other = make_suite(seed=1)
    other["target"]["fingerprint"] = "fedcba9876543210"
    write_run(other, "other")
    return collect([folder]).runs


def names(ranking) -> list[str]:
    return [attacker.name for attacker, _ in ranking.attackers]


def test_attackers_of_several_runs_on_one_target_are_ranked_together(runs):
    found = {ranking.title: ranking for ranking in rankings(runs)}
    assert list(found) == [
        f"defence {which}, 8 targets" for which in ("none, seed 0", "none, seed 1", "flatten, seed 0")
    ]
    ranking = found["defence none, seed 0, 8 targets"]
    assert names(ranking)[:6] == ["lira", "bavaria", "rmia", "label_only_boundary", "rmia_offline", "lira_offline"]
    assert ranking.attackers[3][1] == "label_only_boundary"
    assert len(ranking.attackers) == 17  # 15, and a blind one for each of two runs
    assert len(found["defence flatten, seed 0, 8 targets"].attackers) == 15


def test_runs_on_targets_of_another_recipe_or_number_are_ranked_apart(make_suite, write_run):
    for number, targets in enumerate((4, 8)):
        folder = write_run(make_suite(targets=targets), f"targets-{number}").parent
    write_run(make_suite({"lira": 0.08}, {"target.epochs": 5}, targets=4), "epochs")
    assert len(rankings(collect([folder]).runs)) == 3


def test_a_table_has_rates_with_intervals_and_says_why_one_is_missing(runs):
    found = tables(rankings(runs))
    assert found[0].rows[0][:2] == ["1. lira", Line("[7.7, 8.5]", value="8.1")]
    assert Line("-", tip="too few") in found[0].rows[0]
    assert found[0].caption == "Ranked by TPR at 1 % FPR. Rates in %. Target 01234567. -: too few."
    assert [table.unfolded for table in found] == [True] * 3


def test_where_one_rate_is_missing_all_are_ranked_by_auc(make_suite, measured):
    result = make_suite({"loss": 0.01, "lira": 0.08})
    assert ranking_metric(typed(result).attackers) == "tpr_at_fpr_0.01"
    result["attackers"][0]["metrics"]["tpr_at_fpr_0.01"] = measured(None)
    result["attackers"][0]["metrics"]["auc"] = measured(0.99, 0.01)
    assert ranking_metric(typed(result).attackers) == "auc"
    assert [one.name for one in ranked(typed(result).attackers)] == ["loss", "lira", "blind"]


def test_what_has_no_figure_comes_last(make_suite, measured):
    result = make_suite({"loss": 0.01, "lira": 0.08})
    for metric in ("auc", "tpr_at_fpr_0.01"):
        result["attackers"][1]["metrics"][metric] = measured(None)
    assert [one.name for one in ranked(typed(result).attackers)] == ["loss", "blind", "lira"]


def test_the_best_is_the_one_by_the_metric_that_ranks_unless_one_is_published(make_suite):
    result = make_suite({"loss": 0.01, "lira": 0.08})
    result["attackers"][0]["metrics"]["accuracy"].update(value=0.99, high=1.0)
    assert best(typed(result), "adaptive").name == "lira"
    result["attackers"].append({**result["attackers"][2], "name": "published", "knowledge": "published"})
    assert best(typed(result), "adaptive").name == "loss"


def test_extraction_has_no_ranking(make_result, write_run):
    assert rankings(collect([write_run(make_result({"adaptive": {"fidelity": 0.9}}), "run")]).runs) == []


def test_what_is_found_together_is_a_table_of_overlaps_with_numbers(make_suite, write_run):
    (table,) = together(collect([write_run(make_suite({"gap": 0.0, "lira": 0.08, "rmia": 0.07}), "run")]).runs)
    assert table.introduction == (
        "At a false positive rate of 1 % each, any of the attacks finds 14.0 % [12.0, 16.0] of the members and accuses "
        "3.0 % [2.5, 3.5] of the non-members."
    )
    assert table.titles == ["Attack", "Found", "lira", "rmia", "gap"]
    name, found, itself, other, nothing = table.rows[0]
    assert (name, found) == ("lira", Line("[7.6, 8.4]", value="8.0"))
    assert itself.text == ""
    assert other == Line("50", ground="color-mix(in srgb, var(--accent) 25%, transparent)")
    assert nothing == Line("-", tip="neither finds any")


def test_without_what_is_found_there_is_no_section(make_suite, make_result, write_run):
    old = make_result({"adaptive": {"accuracy": 0.6, "auc": 0.6}})
    folder = write_run(old, "old").parent
    write_run(make_suite() | {"found": None}, "null")
    assert together(collect([folder]).runs) == []
