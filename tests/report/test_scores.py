"""ROC curves and histograms show how scores tell members from non-members; of many attackers the best stand out."""

import pytest

from privattack.report.looks import LEADERS
from privattack.report.scores import histograms, rocs
from privattack.results.collect import collect


@pytest.fixture
def suite(make_suite, write_run):
    return collect([write_run(make_suite(), "run", curves=True)]).runs


def lines(panel) -> dict:
    return {curve.name: curve for curve in panel.plot.curves}


def test_curves_of_a_membership_run(make_result, write_run):
    metrics = {"accuracy": 0.6, "auc": 0.6}
    folder = write_run(make_result({"adaptive": metrics, "blind": metrics}), "run", curves=True)
    runs = collect([folder]).runs
    (roc,) = rocs(runs)
    drawn = lines(roc)
    assert set(drawn) == {"coin", "adaptive"}
    assert drawn["coin"].x == drawn["coin"].y
    assert drawn["adaptive"].y == (0.3, 1.0)  # a rate of 0 has no place on a logarithmic axis
    assert roc.plot.x.log
    assert roc.plot.y.log
    (histogram,) = histograms(runs)
    assert max(lines(histogram)["members"].y) == 0.75


def test_of_many_roc_curves_the_best_have_names_and_the_others_are_pale(suite):
    (panel,) = rocs(suite)
    shown = {name: curve.pale for name, curve in lines(panel).items() if name != "coin"}
    assert list(shown) == [
        "lira", "bavaria", "rmia", "rmia_offline", "lira_offline", "calibrated",
        "attack_r", "qmia", "shokri", "confidence", "modified_entropy", "loss", "entropy", "gap",
    ]  # fmt: skip
    assert list(shown.values()) == [False] * LEADERS + [True] * 8


def test_defences_share_a_plot_of_the_best_attacker_on_each_before_their_own(make_suite, write_run):
    for defence in ("none", "flatten"):
        folder = write_run(make_suite(defence=defence), defence, curves=True).parent
    shared, *single = rocs(collect([folder]).runs)
    assert list(lines(shared)) == ["none: lira", "flatten: lira", "coin"]
    assert [panel.folded for panel in (shared, *single)] == [False, True, True]


def test_of_many_defences_those_whose_best_attacker_is_strongest_have_names(make_suite, write_run):
    defences = ["none", "a", "b", "c", "d", "e", "f", "g"]
    for number, defence in enumerate(defences):
        made = make_suite({"lira": 0.08 - 0.01 * number}, defence=defence)
        folder = write_run(made, defence, curves=True).parent
    shared, *_ = rocs(collect([folder]).runs)
    shown = {name.split(":")[0]: curve.pale for name, curve in lines(shared).items() if name != "coin"}
    assert shown == {name: number >= LEADERS for number, name in enumerate(defences)}


def test_of_many_histograms_the_best_are_seen(suite):
    panels = histograms(suite)
    assert [panel.title.split(": ")[1] for panel in panels if not panel.folded] == ["lira", "bavaria", "rmia"]
    assert len(panels) == 14
