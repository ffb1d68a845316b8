"""Defences side by side: the strongest attacker against what honest users get, as plots and as a table."""

from collections.abc import Sequence
from itertools import cycle

from privattack.measurement import Measurement
from privattack.report.cells import Cell, Line, Table, number, percent
from privattack.report.drawing import Axis, Curve, Dot, Panel, Plot, Reference
from privattack.report.looks import COIN, LOOKS, MARKERS
from privattack.results.figures import best, metric_words
from privattack.results.frontier import Behind, Frontier

COSTS = (
    ("test_accuracy", "users' accuracy", "accuracy that honest users see"),
    ("l1", "distortion", "L1 distance to the true probabilities"),
    ("calibration", "miscalibration", "calibration error of the answers"),
)

NAMED = 12  # defences whose names a plot has room for


def plots(found: Sequence[Frontier]) -> list[Panel]:
    """Return for each frontier the strongest attacker's success against each cost, a line for each defence's strengths.

    Reference lines are the undefended service and an attacker who never queries. Of many defences those on the front
    alone have names.
    """
    return [
        _plot(frontier, *cost)
        for frontier in found
        for cost in COSTS
        if any(getattr(one.result.service, cost[0]).given for one in frontier.points)
    ]


def _plot(frontier: Frontier, cost: str, short: str, words: str) -> Panel:
    metric = metric_words(frontier.metric)
    shapes = dict(zip(dict.fromkeys(one.kind for one in frontier.points), cycle(MARKERS), strict=False))
    paid: dict[str, Measurement] = {one.name: getattr(one.result.service, cost) for one in frontier.points}
    shown = [one for one in frontier.points if paid[one.name].given]
    dots = [
        Dot(
            one.name, paid[one.name], one.success,
            LOOKS["adaptive" if one in frontier.front else "blind"]._replace(marker=shapes[one.kind]),
            pale=len(shown) > NAMED and one not in frontier.front,
        )
        for one in shown
    ]  # fmt: skip
    curves = []
    for kind in shapes:
        strengths = sorted((paid[one.name].known.value, one.success.known.value) for one in shown if one.kind == kind)
        if len(strengths) > 1:
            x, y = zip(*strengths, strict=True)
            curves.append(Curve(kind, x, y, COIN, markers=0))
    references = {"no query": frontier.floor}
    if frontier.undefended is not None:
        references["no defence"] = frontier.undefended.success
    plot = Plot(
        Axis(words, percent=cost != "l1"),
        Axis(f"best attacker's {metric}", percent=frontier.metric != "auc"),
        curves, dots,
        [Reference(name, one.known.value) for name, one in references.items() if one is not None],
        names="dots", height=360,
    )  # fmt: skip
    described = f"{metric} of the best attacker of each defence against {words}; those on the front are blue"
    return Panel(f"{frontier.title}: {metric} against {short}", described, plot, large=True)


def tables(found: Sequence[Frontier]) -> list[Table]:
    """Return for each frontier a table of its defences: who attacks them how well, and what their users pay."""
    return [_table(frontier) for frontier in found]


def _table(frontier: Frontier) -> Table:
    words = metric_words(frontier.metric)
    titles = [
        "Defence", "Published attack", "Strongest attacker", "Lost to it", "Honest users' accuracy", "L1 distance",
        "Calibration error", "Microseconds an image", "On the front",
    ]  # fmt: skip
    rows = [_row(frontier, one) for one in sorted(frontier.points, key=lambda one: -one.success.known.value)]
    caption = (
        f"{frontier.title}: {words} in %. The strongest is chosen among all who query, with an interval that holds for "
        "all of them; what it loses is compared image by image with the strongest on the undefended service."
    )
    return Table(f"{frontier.title}, defences", caption, titles, rows)


def _row(frontier: Frontier, one: Behind) -> list[Cell]:
    published, lost = best(one.result, "published", metric=frontier.metric), frontier.lost(one)
    service, seconds = one.result.service, one.result.timings.get("defence_microseconds_per_image")
    strongest = [percent(one.success), Line(f"{one.attacker.name}, the best of {one.chosen_from}", small=True)]
    return [
        one.name,
        "-" if published is None else percent(published.figure(frontier.metric)),
        strongest,
        "-" if lost is None else percent(lost),
        percent(service.test_accuracy),
        number(service.l1),
        percent(service.calibration),
        "-" if seconds is None else f"{seconds:.0f}",
        "yes" if one in frontier.front else "",
    ]
