"""How attackers are told apart in plots: by colour, dash and marker, so that any one of them may be lost."""

from collections.abc import Sequence
from typing import NamedTuple

from privattack.results.collect import Finished
from privattack.results.figures import QUERYING, ranked, ranking_metric

LEADERS = 6  # lines of a plot that an eye can follow


class Look(NamedTuple):
    """How a line is told from others: without the colour, too. Dashes and markers are called as matplotlib's."""

    colour: str
    dash: str
    marker: str


LOOKS = {
    "published": Look("#b45309", "--", "s"),
    "adaptive": Look("#1d4ed8", "-", "o"),
    "blind": Look("#525252", ":", "X"),
    "no_query": Look("#525252", ":", "D"),
}
COIN, TARGET = Look("#1a1a1a", ":", ""), Look("#1a1a1a", "-", "h")
# For a second attacker of a kind, and more: colours that stay apart for the colour-blind (after Okabe and Ito 2008,
# darkened to be read on white). Seven, three and eight share no factor: no look comes twice.
COLOURS = ("#b8430b", "#00795a", "#a8427f", "#7a5c00", "#2878a8", "#5b2a86", "#1a1a1a")
DASHES = ("-", "--", "-.")
MARKERS = ("^", "s", "D", "p", "*", "v", "P", "h")
# The page's colours on a dark ground, by those on white.
INK, FAINT, QUIET = "#1a1a1a", "#dcdcdc", "#737373"
DARK = {
    INK: "#e8e8e8", FAINT: "#3a3a3a", QUIET: "#9a9a9a",
    "#b45309": "#f5a04c", "#1d4ed8": "#84a9ff", "#525252": "#b8b8b8", "#b8430b": "#ff8a50", "#00795a": "#3ccfa0",
    "#a8427f": "#f08cc4", "#7a5c00": "#e0b840", "#2878a8": "#6cbcec", "#5b2a86": "#bf94ee",
}  # fmt: skip


def look(number: int) -> Look:
    """Return one of many looks that differ from each other, and from those of one attacker of a kind."""
    return Look(COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)], MARKERS[number % len(MARKERS)])


def looks_of(runs: Sequence[Finished]) -> dict[str, Look]:
    """Return the look of each attacker of some runs, by name: the same in every plot over them."""
    looks: dict[str, Look] = {}
    taken: set[str] = set()
    others = 0
    for run in runs:
        for attacker in run.result.attackers:
            name, knowledge = attacker.name, attacker.knowledge
            if name in looks:
                continue
            if knowledge in LOOKS and knowledge not in taken:
                taken.add(knowledge)
                looks[name] = LOOKS[knowledge]
            else:
                looks[name] = look(others)
                others += 1
    return looks


def leaders(runs: Sequence[Finished], metric: str | None = None) -> list[str]:
    """Return the names of the attackers that a plot shows at once: the best who query, and those who do not.

    Each counts with the highest of their figures over the runs; they stand in the order of the results.
    """
    attackers = [attacker for run in runs for attacker in run.result.attackers]
    metric = metric or ranking_metric(attackers)
    order = [one for one in ranked(attackers, metric) if one.figure(metric).given]
    querying = list(dict.fromkeys(one.name for one in order if one.knowledge in QUERYING))[:LEADERS]
    seen = {*querying, *(one.name for one in order if one.knowledge not in QUERYING)}
    return [name for name in dict.fromkeys(one.name for one in attackers) if name in seen]
