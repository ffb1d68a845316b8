"""Defences side by side: the strongest attacker against what honest users get, as plots and as a table."""

import itertools
from collections.abc import Sequence

from privattack.measurement import Measurement
from privattack.report.cells import Cell, Line, Table, number, percent
from privattack.report.drawing import INK, REFERENCE, TOP, Panel, empty_plot, error_of, label_points
from privattack.report.looks import LOOKS
from privattack.results.figures import LOW_RATE, WORDS, best
from privattack.results.frontier import Behind, Frontier

SHAPES = ("circle", "square", "diamond", "triangle-up", "x", "star", "pentagon", "triangle-down")
COSTS = (
    ("test_accuracy", "users' accuracy", "accuracy that honest users see", ".0%"),
    ("l1", "distortion", "L1 distance to the true probabilities", ".1f"),
)


def plots(found: Sequence[Frontier]) -> list[Panel]:
    """Return for each frontier the strongest attacker's success against each cost, a line for each defence's strengths.

    Reference lines are the undefended service and an attacker who never queries.
    """
    return [_plot(frontier, *cost) for frontier in found for cost in COSTS]


def _plot(frontier: Frontier, cost: str, short: str, words: str, tickformat: str) -> Panel:
    metric = _words(frontier.metric)
    highest = max(one.success.known.high for one in frontier.points)
    top = min(1.0, 1.2 * highest) if frontier.metric == LOW_RATE else 1.0
    plot = empty_plot(words, f"best attacker's {metric}")
    kinds = dict.fromkeys(one.kind for one in frontier.points)
    shapes = dict(zip(kinds, itertools.cycle(SHAPES), strict=False))
    paid: dict[str, Measurement] = {one.name: getattr(one.result.service, cost) for one in frontier.points}
    shown = [one for one in frontier.points if paid[one.name].given]
    for kind in kinds:
        strengths = sorted((paid[one.name].known.value, one.success.known.value) for one in shown if one.kind == kind)
        if len(strengths) > 1:
            x, y = zip(*strengths, strict=True)
            plot.add_scatter(x=x, y=y, mode="lines", line=REFERENCE | {"dash": "dot"}, hoverinfo="skip")
    for one in shown:
        plot.add_scatter(
            x=[paid[one.name].value], y=[one.success.value], name=one.name, mode="markers",
            marker={
                "symbol": shapes[one.kind], "size": 11,
                "color": LOOKS["adaptive" if one in frontier.front else "blind"].colour,
            },
            error_x=error_of(paid[one.name]), error_y=error_of(one.success),
        )  # fmt: skip
    references = {"no query": frontier.floor}
    if frontier.undefended is not None:
        references["no defence"] = frontier.undefended.success
    for name, reference in references.items():
        if reference is not None:
            plot.add_hline(y=reference.known.value, line=REFERENCE)
            plot.add_annotation(
                x=1, xref="paper", xanchor="right", y=reference.known.value, yanchor="bottom", text=name,
                showarrow=False, font={"color": INK, "size": 11},
            )  # fmt: skip
    places = [(paid[one.name].known.value, one.success.known.value, one.name) for one in shown]
    label_points(plot, places, width=0.6 if cost == "l1" else 0.2, top=top)
    plot.update_xaxes(tickformat=tickformat, **({"range": [-0.4, 2.3]} if cost == "l1" else {}))
    plot.update_yaxes(tickformat=".0%", range=[-0.02 * top, TOP * top])
    if top == 1.0:
        plot.update_yaxes(tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1])
    described = f"{metric} of the best attacker of each defence against {words}; those on the front are blue"
    return Panel(f"{frontier.title}: {metric} against {short}", described, plot)


def tables(found: Sequence[Frontier]) -> list[Table]:
    """Return for each frontier a table of its defences: who attacks them how well, and what their users pay."""
    return [_table(frontier) for frontier in found]


def _table(frontier: Frontier) -> Table:
    words = _words(frontier.metric)
    titles = [
        "Defence", "Published attack", "Strongest attacker", "Lost to it", "Honest users' accuracy", "L1 distance",
        "Microseconds an image", "On the front",
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
        "-" if seconds is None else f"{seconds:.0f}",
        "yes" if one in frontier.front else "",
    ]


def _words(metric: str) -> str:
    return WORDS.get(metric, metric.replace("_", ", ")) if metric != "auc" else metric
