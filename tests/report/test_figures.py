"""The plots show what the results say, and nothing where there is nothing to show."""

import itertools

import pytest

from privattack.report.collect import collect
from privattack.report.figures import against_budget, histograms, privacy_against_utility, rocs

SECTIONS = (against_budget, histograms, privacy_against_utility, rocs)


@pytest.fixture
def sweep(make_result, write_run):
    for budget, fidelity in ((100, 0.5), (1000, 0.8)):
        for defence in ("none", "label_only"):
            attackers = {"published": {"fidelity": fidelity - 0.3}, "adaptive": {"fidelity": fidelity}}
            for metrics in attackers.values():
                metrics["accuracy_unqueried"] = metrics["fidelity"]
            folder = write_run(make_result(attackers, budget=budget, defence=defence), f"{defence}-{budget}")
    return collect([folder.parent]).runs


def lines(panel) -> dict:
    return {trace.name: trace for trace in panel.plot.data if trace.name}


def test_a_budget_plot_has_values_and_intervals_of_each_attacker(sweep):
    panels = {panel.title: panel for panel in against_budget(sweep)}
    assert list(panels) == [
        f"mea, {defence}: {metric}"
        for defence in ("none", "label_only")
        for metric in ("fidelity", "accuracy, unqueried")
    ]
    panel = panels["mea, label_only: fidelity"]
    adaptive = lines(panel)["adaptive"]
    assert (adaptive.x, adaptive.y) == ((100, 1000), (0.5, 0.8))
    assert panel.plot.layout.xaxis.type == "log"
    band = panel.plot.data[2]
    assert band.y == pytest.approx((0.52, 0.82, 0.78, 0.48))
    assert {note.text for note in panel.plot.layout.annotations} == {"published", "adaptive"}


def test_attackers_are_told_apart_without_colour(sweep):
    drawn = lines(against_budget(sweep)[0])
    assert len({(trace.line.dash, trace.marker.symbol) for trace in drawn.values()}) == len(drawn) == 2


def test_the_accuracy_of_the_target_is_a_line(sweep):
    (line,) = against_budget(sweep)[1].plot.layout.shapes
    assert line.y0 == line.y1 == 0.9


def test_labels_of_lines_that_end_together_lie_apart(sweep):
    for panel in against_budget(sweep):
        places = sorted(note.y for note in panel.plot.layout.annotations)
        assert all(upper - lower > 0.07 for lower, upper in itertools.pairwise(places))


def test_each_defence_is_a_point_with_its_strongest_attack(sweep):
    accuracy, distortion = privacy_against_utility(sweep)
    for panel in (accuracy, distortion):
        points = lines(panel)
        assert list(points) == ["none", "label_only"]
        assert all(point.y == (0.8,) for point in points.values())
        assert len({point.marker.symbol for point in points.values()}) == 2


def test_curves_of_a_membership_run(make_result, write_run):
    metrics = {"accuracy": 0.6, "auc": 0.6}
    folder = write_run(make_result({"adaptive": metrics, "blind": metrics}), "run", curves=True)
    runs = collect([folder]).runs
    (roc,) = rocs(runs)
    drawn = lines(roc)
    assert set(drawn) == {"coin", "adaptive"}
    assert drawn["coin"].x == drawn["coin"].y
    assert drawn["adaptive"].y == (0.3, 1.0)  # a rate of 0 has no place on a logarithmic axis
    assert roc.plot.layout.xaxis.type == roc.plot.layout.yaxis.type == "log"
    (histogram,) = histograms(runs)
    assert max(lines(histogram)["members"].y) == 0.75


def test_without_data_there_is_no_plot(make_result, write_run):
    runs = collect([write_run(make_result({"blind": {"accuracy": None, "auc": None}}), "run")]).runs
    assert [section(runs) for section in SECTIONS] == [[], [], [], []]
    assert [section([]) for section in SECTIONS] == [[], [], [], []]
