"""Which extraction attack does best at which budget: a table and two plots for each service."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from privattack.measurement import Measurement
from privattack.report.cells import Cell, Line, Table, percent
from privattack.report.drawing import Axis, Panel, Plot, Reference, measured
from privattack.report.looks import LOOKS, Look, look
from privattack.results.contests import Contest, Contestant
from privattack.results.differences import is_clear
from privattack.results.naming import count

METRICS = {"fidelity": "fidelity", "accuracy_unqueried": "accuracy, unqueried"}
HEIGHT = 380  # pixels


def tables(found: Sequence[Contest]) -> list[Table]:
    """Return a table per contest: a row per budget, with the attacks from the best to the worst."""
    return [_table(contest) for contest in found]


def _table(contest: Contest) -> Table:
    places = max(len(contest.standing(budget)) for budget in contest.budgets)
    # Where there are two, random queries are the other.
    random = contest.random if places > 2 else None
    rows = []
    for budget in contest.budgets:
        standing = contest.standing(budget)
        row: list[Cell] = [count(budget), _lead(contest.lead(budget))]
        if random is not None:
            row.append(_over_random(contest, budget, random))
        row += [[Line(one.name), percent(measured)] for one, measured in standing]
        rows.append([*row, *["-"] * (places - len(standing))])
    caption = (
        f"Defence {contest.title}: fidelity in %, by each attack's adaptive attacker where it has one. The lead is in "
        "points, image by image; its interval holds for all other attacks at once (Bonferroni)."
    )
    titles = ["Queries", "Best one's lead", *(["Over mea (random)"] if random else [])]
    titles += [f"{place}." for place in range(1, places + 1)]
    return Table(f"{contest.title}, compared", caption, titles, rows)


def _lead(gap: Measurement) -> Line:
    return replace(percent(gap), note="" if is_clear(gap) else "none beyond chance")


def _over_random(contest: Contest, budget: int, random: Contestant) -> Cell:
    if budget not in random.points or not random.points[budget].figure("fidelity").given:
        return "-"
    best = contest.standing(budget)[0][0]
    if best is random:
        return Line("they are the best", small=True)
    return _lead(contest.difference(best, random, budget, comparisons=1))


def panels(found: Sequence[Contest]) -> list[Panel]:
    """Return fidelity and accuracy against budget for each contest, a line per attack; the same looks in all."""
    names = dict.fromkeys(name for contest in found for name in contest.contestants)
    random = next((one.name for contest in found for one in contest.contestants.values() if one.is_random), "")
    others = [name for name in names if name != random]
    looks = {random: LOOKS["adaptive"], **{name: look(number) for number, name in enumerate(others)}}
    return [_panel(contest, metric, looks) for contest in found for metric in METRICS]


def _panel(contest: Contest, metric: str, looks: Mapping[str, Look]) -> Panel:
    lines = [(one.name, one.points, looks[one.name]) for one in contest.contestants.values()]
    curves = []
    for name, points, drawn in [*lines, ("no query", contest.floor, LOOKS["no_query"])]:
        known = {budget: one.figure(metric) for budget, one in sorted(points.items()) if one.figure(metric).given}
        if known:
            curves.append(measured(name, drawn, known))
    asked = sorted({int(budget) for curve in curves for budget in curve.x})
    references = [Reference("target", contest.target.known.value)] if metric == "accuracy_unqueried" else []
    across = Axis("queries", log=True, ticks={budget: count(budget) for budget in asked})
    plot = Plot(across, Axis(METRICS[metric], percent=True), curves, references=references, height=HEIGHT)
    words = f"{METRICS[metric]} of each attack against the number of queries, with 95 % intervals as bands"
    return Panel(f"defence {contest.title}: {METRICS[metric]}", words, plot, large=True)
