"""Success against budget, by attacker or, where there are several, by defence."""

from collections.abc import Mapping, Sequence

from privattack.measurement import Measurement
from privattack.report.drawing import Axis, Curve, Panel, Plot, Reference, measured
from privattack.report.looks import LOOKS, Look, leaders, look, looks_of
from privattack.results.collect import Finished
from privattack.results.curves import runs_at_each_budget
from privattack.results.figures import CHANCE, QUERYING, best, compared_by, metric_words
from privattack.results.naming import below, count, label, varying

MANY = 4  # defences from which on each has one line


def against_budget(runs: Sequence[Finished]) -> list[Panel]:
    """Return success against budget by two metrics, a panel for all that differs in nothing else but the defence.

    The budgets are those of runs and of their curves. Of many attackers the best are drawn; of several defences the
    best attacker of each kind.
    """
    panels, looks = [], looks_of(runs)
    for title, ordered in by_budget(runs):
        behind = by_defence(ordered)
        compared = compared_by(*(run.result for run in ordered))
        beside = "accuracy_unqueried" if compared == "fidelity" else "auc"
        for metric in dict.fromkeys((compared, beside)):
            lines = _of_defences(behind, metric) if len(behind) > 1 else _of_attackers(ordered, metric, looks)
            picture = f"{metric}_against_budget" if metric == compared else ""
            panels.append(_budget_panel(f"{title}: {metric_words(metric)}", metric, ordered, lines, picture))
    return panels


def by_budget(runs: Sequence[Finished]) -> list[tuple[str, list[Finished]]]:
    """Return the groups of runs that differ in budget and defence alone, for two budgets or more, in their order.

    A run with curves stands for one at each of their budgets.
    """
    found = []
    for title, group in alike(runs_at_each_budget(runs), besides=("budget", "defence")):
        # A budget of a curve may have been run by itself, too: with the same figures.
        each = {(name, run.result.run.budget): run for name, behind in by_defence(group).items() for run in behind}
        if len({budget for _, budget in each}) > 1:
            found.append((title, sorted(each.values(), key=lambda run: run.result.run.budget)))
    return found


def by_defence(runs: Sequence[Finished]) -> dict[str, list[Finished]]:
    """Return runs by their defence, and the settings in which it differs from others."""
    names = ["defence", *(name for name in varying(run.result.run for run in runs) if below(name, ("defence",)))]
    found: dict[str, list[Finished]] = {}
    for run in runs:
        found.setdefault(label(run.result.run, names), []).append(run)
    return found


Points = dict[int, Measurement]


def _of_attackers(runs: Sequence[Finished], metric: str, looks: dict[str, Look]) -> list[Curve]:
    curves = []
    for name in leaders(runs, metric):
        points = {
            run.result.run.budget: attacker.figure(metric)
            for run in runs
            for attacker in run.result.attackers
            if attacker.name == name and attacker.figure(metric).given
        }
        curves.append(measured(name, looks[name], points))
    return curves


def _of_defences(behind: Mapping[str, Sequence[Finished]], metric: str) -> list[Curve]:
    """Return for each defence who knows it and, dashed, who attacks as published; and who never queries, once."""
    curves = []
    for number, (name, runs) in enumerate(behind.items()):
        kinds: dict[str, tuple[str, ...]] = {name: ("adaptive",), f"{name}, published": ("published",)}
        if len(behind) > MANY or not any(run.result.having("adaptive") for run in runs):
            kinds = {name: QUERYING}
        for words, knowledge in kinds.items():
            if points := _best(runs, metric, *knowledge):
                drawn = look(number)._replace(dash="--" if knowledge == ("published",) else "-")
                curves.append(measured(words, drawn, points))
    floor = {
        budget: one for runs in behind.values() for budget, one in _best(runs, metric, "no_query", "blind").items()
    }
    return [*curves, *([measured("no query", LOOKS["no_query"], dict(sorted(floor.items())))] if floor else [])]


def _best(runs: Sequence[Finished], metric: str, *knowledge: str) -> Points:
    found = {run.result.run.budget: best(run.result, *knowledge, metric=metric) for run in runs}
    return {budget: one.figure(metric) for budget, one in found.items() if one is not None}


def _budget_panel(title: str, metric: str, runs: Sequence[Finished], curves: Sequence[Curve], picture: str) -> Panel:
    references = [Reference("coin", CHANCE[metric])] if metric in CHANCE else []
    target = runs[0].result.target.test_accuracy
    if metric == "accuracy_unqueried" and target.given:
        references = [Reference("target", target.known.value)]
    asked = sorted({run.result.run.budget for run in runs})
    across = Axis("queries", log=True, ticks={budget: count(budget) for budget in asked})
    plot = Plot(across, Axis(metric_words(metric), percent=metric != "auc"), curves, references=references)
    words = f"{metric_words(metric)} against the number of queries, with 95 % intervals as bands"
    return Panel(title, words, plot, large=True, picture=picture)


def alike(runs: Sequence[Finished], *, besides: tuple[str, ...]) -> list[tuple[str, list[Finished]]]:
    """Group runs that differ in nothing `besides` some settings, by a title that says in what groups differ."""
    names = varying(run.result.run for run in runs)
    shown = ["attack", *(name for name in names if name != "attack" and not below(name, besides))]
    groups: dict[str, list[Finished]] = {}
    for run in runs:
        groups.setdefault(label(run.result.run, shown), []).append(run)
    return list(groups.items())
