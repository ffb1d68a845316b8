"""Runs side by side: success against budget, and against what honest users get."""

from collections.abc import Sequence

from privattack.report.drawing import Axis, Panel, Plot, Reference, measured
from privattack.report.looks import Look, leaders, looks_of
from privattack.results.collect import Finished
from privattack.results.curves import runs_at_each_budget
from privattack.results.figures import CHANCE, compared_by, metric_words
from privattack.results.naming import below, count, label, varying


def against_budget(runs: Sequence[Finished]) -> list[Panel]:
    """Return success against budget by two metrics, a panel for all that differs in nothing else.

    The budgets are those of runs and of their curves. Of many attackers the best are drawn.
    """
    panels, looks = [], looks_of(runs)
    for title, ordered in by_budget(runs):
        compared = compared_by(*(run.result for run in ordered))
        beside = "accuracy_unqueried" if compared == "fidelity" else "auc"
        for metric in dict.fromkeys((compared, beside)):
            picture = f"{metric}_against_budget" if metric == compared else ""
            panels.append(_budget_panel(f"{title}: {metric_words(metric)}", metric, ordered, looks, picture))
    return panels


def by_budget(runs: Sequence[Finished]) -> list[tuple[str, list[Finished]]]:
    """Return the groups of runs that differ in budget alone, one for each of two budgets or more, in their order.

    A run with curves stands for one at each of their budgets.
    """
    found = []
    for title, group in alike(runs_at_each_budget(runs), besides=("budget",)):
        # A budget of a curve may have been run by itself, too: with the same figures.
        each = {run.result.run.budget: run for run in group}
        if len(each) > 1:
            found.append((title, [each[budget] for budget in sorted(each)]))
    return found


def _budget_panel(title: str, metric: str, runs: Sequence[Finished], looks: dict[str, Look], picture: str) -> Panel:
    curves = []
    for name in leaders(runs, metric):
        points = {
            run.result.run.budget: attacker.figure(metric)
            for run in runs
            for attacker in run.result.attackers
            if attacker.name == name and attacker.figure(metric).given
        }
        curves.append(measured(name, looks[name], points))
    references = [Reference("coin", CHANCE[metric])] if metric in CHANCE else []
    target = runs[0].result.target.test_accuracy
    if metric == "accuracy_unqueried" and target.given:
        references = [Reference("target", target.known.value)]
    asked = sorted({run.result.run.budget for run in runs})
    across = Axis("queries", log=True, ticks={budget: count(budget) for budget in asked})
    plot = Plot(across, Axis(metric_words(metric), percent=metric != "auc"), curves, references=references)
    words = f"{metric_words(metric)} against the number of queries, with 95 % intervals as bands"
    return Panel(title, words, plot, picture=picture)


def alike(runs: Sequence[Finished], *, besides: tuple[str, ...]) -> list[tuple[str, list[Finished]]]:
    """Group runs that differ in nothing `besides` some settings, by a title that says in what groups differ."""
    names = varying(run.result.run for run in runs)
    shown = ["attack", *(name for name in names if name != "attack" and not below(name, besides))]
    groups: dict[str, list[Finished]] = {}
    for run in runs:
        groups.setdefault(label(run.result.run, shown), []).append(run)
    return list(groups.items())
