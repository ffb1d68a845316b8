"""What attacks find together, and how far they find the same members."""

from collections.abc import Mapping, Sequence

from privattack.measurement import Measurement
from privattack.report.cells import Cell, Line, Table, percent
from privattack.results.collect import Finished
from privattack.results.figures import share
from privattack.results.naming import label, varying
from privattack.results.result import Found

OPEN = 4  # runs that are seen at once
CAPTION = (
    "Below each other: the share of the members that an attack finds, in %. To the right: of the members found by "
    "either of two attacks, those found by both, in % (100: the same; 0: none in common; -: neither finds any)."
)


def together(runs: Sequence[Finished]) -> list[Table]:
    """Return for each run that has it the share found by each attack and by any, and the overlap of each pair."""
    names = ["attack", "defence", *varying(run.result.run for run in runs)]
    found = [(label(run.result.run, names), run.result.found) for run in runs if run.result.found]
    return [_table(title, one, unfolded=place < OPEN) for place, (title, one) in enumerate(found)]


def _table(title: str, found: Found, *, unfolded: bool) -> Table:
    names = sorted(found.attackers, key=lambda name: _height(found.attackers[name]), reverse=True)
    pairs = {frozenset((pair.first, pair.second)): pair.jaccard for pair in found.pairs}
    rows: list[list[Cell]] = [
        [first, percent(found.attackers[first]), *(_overlap(first, second, pairs) for second in names)]
        for first in names
    ]
    introduction = (
        f"At a false positive rate of {100 * found.fpr:g} % each, any of the attacks finds {_share(found.any)} of the "
        f"members and accuses {_share(found.any_fpr)} of the non-members."
    )
    titles = ["Attack", "Found", *names]
    return Table(title, CAPTION, titles, rows, heat=True, unfolded=unfolded, introduction=introduction)


def _share(measurement: Measurement) -> str:
    return share(measurement) if measurement.given else f"- ({measurement.why})"


def _height(measurement: Measurement) -> float:
    return measurement.known.value if measurement.given else -1.0


def _overlap(first: str, second: str, pairs: Mapping[frozenset[str], float | None]) -> Line:
    if first == second:
        return Line(ground="var(--line)")
    overlap = pairs.get(frozenset((first, second)))
    if overlap is None:
        return Line("-", tip="neither finds any")
    # Never so dark that the number cannot be read.
    return Line(f"{100 * overlap:.0f}", ground=f"color-mix(in srgb, var(--accent) {50 * overlap:.0f}%, transparent)")
