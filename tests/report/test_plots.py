"""The plots show what the results say, and nothing where there is nothing to show."""

import pytest

from privattack.report import surrogates
from privattack.report.drawing import Reference
from privattack.report.frontier import NAMED
from privattack.report.frontier import plots as frontier_plots
from privattack.report.looks import LEADERS, looks_of
from privattack.report.plots import MANY, against_budget
from privattack.report.rankings import plots, rankings
from privattack.report.scores import histograms, rocs
from privattack.results.collect import collect
from privattack.results.frontier import frontiers


def privacy_against_utility(runs):
    return frontier_plots(frontiers([run.result for run in runs]))


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
    return {one.name: one for one in (*panel.plot.curves, *panel.plot.dots)}


def test_a_budget_plot_has_values_and_intervals_of_each_attacker(sweep):
    fidelity, accuracy = against_budget([run for run in sweep if run.result.run.defence == "label_only"])
    assert (fidelity.title, accuracy.title) == ("mea: fidelity", "mea: accuracy, unqueried")
    adaptive = lines(fidelity)["adaptive"]
    assert (adaptive.x, adaptive.y) == ([100, 1000], [0.5, 0.8])
    assert [end for ends in adaptive.band for end in ends] == pytest.approx([0.48, 0.52, 0.78, 0.82])
    assert fidelity.plot.x.log
    assert set(lines(fidelity)) == {"published", "adaptive"}


def test_defences_share_a_budget_plot_each_with_its_colour_and_a_dash_for_the_published_attack(sweep):
    fidelity, _ = against_budget(sweep)
    drawn = lines(fidelity)
    assert list(drawn) == ["none", "none, published", "label_only", "label_only, published"]
    assert drawn["label_only, published"].y == pytest.approx([0.2, 0.5])
    colours = [drawn[name].look.colour for name in drawn]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert [drawn[name].look.dash for name in drawn] == ["-", "--"] * 2


def test_of_many_defences_each_has_one_line_and_who_never_queries_has_another(make_result, write_run):
    for budget in (100, 1000):
        for number in range(MANY + 1):
            attackers = {
                name: {"fidelity": 0.5, "accuracy_unqueried": 0.5} for name in ("published", "adaptive", "no_query")
            }
            result = make_result(attackers, budget=budget, defence=f"defence_{number}")
            folder = write_run(result, f"{number}-{budget}").parent
    fidelity, _ = against_budget(collect([folder]).runs)
    assert list(lines(fidelity)) == [*(f"defence_{number}" for number in range(MANY + 1)), "no query"]


def test_attackers_are_told_apart_without_colour(sweep):
    drawn = lines(against_budget(sweep[:2])[0])
    assert len({(curve.look.dash, curve.look.marker) for curve in drawn.values()}) == len(drawn) == 2


def test_the_accuracy_of_the_target_is_a_line(sweep):
    assert against_budget(sweep)[1].plot.references == [Reference("target", 0.9)]


def test_each_defence_is_a_point_with_its_strongest_attack(sweep):
    accuracy, distortion = privacy_against_utility(sweep)
    for panel in (accuracy, distortion):
        points = lines(panel)
        assert list(points) == ["none", "label_only"]
        assert all(point.y.value == 0.8 for point in points.values())
        assert len({point.look.marker for point in points.values()}) == 2


def test_of_many_defences_those_on_the_front_have_names(make_result, write_run):
    for number in range(NAMED + 1):
        fidelity = 0.9 - 0.05 * (number == 3)
        folder = write_run(make_result({"adaptive": {"fidelity": fidelity}}, defence=f"d{number}"), str(number)).parent
    plots = privacy_against_utility(collect([folder]).runs)
    assert plots
    for panel in plots:
        assert [dot.name for dot in panel.plot.dots if not dot.pale] == ["d3"]


def test_without_data_there_is_no_plot(make_result, write_run):
    runs = collect([write_run(make_result({"blind": {"accuracy": None, "auc": None}}), "run")]).runs
    assert [section(runs) for section in SECTIONS] == [[], [], [], []]
    assert [section([]) for section in SECTIONS] == [[], [], [], []]


def test_runs_that_differ_in_any_other_setting_are_not_joined_by_a_line(make_result, write_run):
    for budget in (100, 1000):
        for epochs in (5, 10):
            result = make_result({"adaptive": {"fidelity": 0.5}}, {"surrogate.epochs": epochs}, budget=budget)
            folder = write_run(result, f"{budget}-{epochs}").parent
    panels = {panel.title: panel for panel in against_budget(collect([folder]).runs)}
    for epochs in (5, 10):
        assert lines(panels[f"mea, surrogate.epochs {epochs}: fidelity"])["adaptive"].x == [100, 1000]


def test_settings_of_a_defence_are_points_of_their_own(make_result, write_run):
    for low in (0.05, 0.09):
        result = make_result({"adaptive": {"fidelity": 0.5}}, {"defence.low": low}, defence="flatten")
        folder = write_run(result, str(low)).parent
    write_run(make_result({"adaptive": {"fidelity": 0.9}}), "none")
    panel, _ = privacy_against_utility(collect([folder]).runs)
    assert [dot.name for dot in panel.plot.dots] == ["none", "flatten, defence.low 0.05", "flatten, defence.low 0.09"]


@pytest.fixture
def suite(make_suite, write_run):
    return collect([write_run(make_suite(), "run", curves=True)]).runs


def test_many_attackers_have_looks_of_their_own_the_same_in_every_picture(suite):
    looks = looks_of(suite)
    assert len(looks) == 15
    # Whichever of two is lost, the other and the colour still tell them apart.
    assert len({(look.dash, look.marker) for look in looks.values()}) == 15
    assert len({(look.colour, look.dash) for look in looks.values()}) == 15


def test_a_suite_is_drawn_against_budget_by_what_it_is_ranked_by(make_suite, write_run):
    for budget in (100, 1000):
        folder = write_run(make_suite(budget=budget), str(budget)).parent
    found, auc = against_budget(collect([folder]).runs)
    assert found.title == "mia_suite: TPR at 1 % FPR"
    assert auc.title == "mia_suite: AUC"
    assert len(lines(found)) == LEADERS + 1  # and the blind attacker


def test_ranked_attackers_are_points_with_intervals_below_each_other(suite):
    (panel,) = plots(rankings(suite))
    best = panel.plot.dots[0]
    assert (best.name, best.x.value, best.x.high, best.y) == ("lira", 0.081, pytest.approx(0.085), 0)
    assert [*panel.plot.y.ticks.values()][-1] in ("gap", "blind")
    assert panel.plot.references == [Reference("coin", 0.01, vertical=True)]


def test_defences_are_rows_with_the_best_attacker_of_each_kind(make_suite, write_run):
    write_run(make_suite({"loss": 0.01, "lira": 0.08}), "none")
    folder = write_run(make_suite({"loss": 0.02, "lira": 0.01}, defence="flatten"), "flatten").parent
    (panel,) = plots(rankings(collect([folder]).runs))
    assert panel.plot.y.ticks == {0: "none", 1: "flatten"}
    assert [(dot.name, dot.x.value, dot.y) for dot in panel.plot.dots] == [
        ("adaptive", 0.08, 0), ("blind", 0.0, 0), ("adaptive", 0.02, 1), ("blind", 0.0, 1)
    ]  # fmt: skip


def test_a_single_extraction_shows_its_floor_and_the_target(make_result, write_run):
    attackers = {"published": {"fidelity": 0.7}, "adaptive": {"fidelity": 0.9}, "no_query": {"fidelity": 0.6}}
    (panel,) = surrogates.panels(collect([write_run(make_result(attackers), "run")]).runs)
    assert [*panel.plot.y.ticks.values()] == ["adaptive", "published", "no_query", "target's accuracy"]
    assert panel.plot.references == [Reference("the floor", 0.6, vertical=True)]
    assert panel.plot.dots[-1].x.value == 0.9


def test_extractions_at_several_budgets_are_drawn_as_curves_alone(sweep):
    assert surrogates.panels(sweep) == []
