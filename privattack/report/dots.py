"""What attackers reach, as dots with intervals: those of one run below each other, or defences in one plot."""

from collections.abc import Mapping, Sequence

from privattack.measurement import Measurement
from privattack.report.drawing import Axis, Dot, Panel, Plot, Reference
from privattack.report.looks import LOOKS, TARGET
from privattack.results.figures import CHANCE, metric_words, ranked
from privattack.results.result import Attacker

KINDS = {"published": "published", "adaptive": "adaptive", "blind": "blind", "no_query": "without a query"}
ROW, AROUND = 24, 90  # pixels of a plot: for each row, and for its axis and names


def of_attackers(
    title: str, metric: str, attackers: Sequence[tuple[str, Attacker]], *, target: Measurement | None = None
) -> Panel:
    """Return attackers below each other, each with the name given; for an extraction the target's accuracy, too."""
    shown = [(name, one.figure(metric), LOOKS[one.knowledge]) for name, one in attackers if one.figure(metric).given]
    references = [Reference("coin", CHANCE[metric], vertical=True)] if metric in CHANCE else []
    floors = [one.figure(metric) for _, one in attackers if one.knowledge == "no_query" and one.figure(metric).given]
    references += [Reference("the floor", max(one.known.value for one in floors), vertical=True)] if floors else []
    if target is not None and target.given:
        shown.append(("target's accuracy", target, TARGET))
    dots = [Dot(name, figure, row, look) for row, (name, figure, look) in enumerate(shown)]
    return _panel(title, metric, [name for name, *_ in shown], dots, references, of="attacker")


def of_defences(title: str, metric: str, behind: Mapping[str, Sequence[Attacker]]) -> Panel:
    """Return for each defence, in a row of its own, the best attacker of each kind of knowledge."""
    dots = []
    for row, attackers in enumerate(behind.values()):
        for knowledge in KINDS:
            alike = [one for one in attackers if one.knowledge == knowledge and one.figure(metric).given]
            if alike:
                best = ranked(alike, metric)[0].figure(metric)
                dots.append(Dot(KINDS[knowledge], best, row, LOOKS[knowledge]))
    references = [Reference("coin", CHANCE[metric], vertical=True)] if metric in CHANCE else []
    return _panel(title, metric, [*behind], dots, references, of="kind of attacker, behind each defence", legend=True)


def _panel(
    title: str, metric: str, rows: Sequence[str], dots: Sequence[Dot], references: Sequence[Reference],
    *, of: str, legend: bool = False,
) -> Panel:  # fmt: skip
    words = metric_words(metric)
    plot = Plot(
        Axis(words, percent=metric != "auc"),
        Axis("", limits=(len(rows) - 0.4, -0.6), ticks=dict(enumerate(rows))),
        dots=dots, references=references, names="above" if legend else "none", height=AROUND + ROW * len(rows),
    )  # fmt: skip
    return Panel(title, f"{words} of each {of}, with 95 % intervals", plot, large=True)
