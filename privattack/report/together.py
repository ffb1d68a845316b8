"""What attacks find together, and how far they find the same members."""

from collections.abc import Mapping, Sequence
from html import escape

from privattack.measurement import Measurement
from privattack.report.cells import box, percent, row
from privattack.results.collect import Finished
from privattack.results.naming import label, varying
from privattack.results.result import Found

OPEN = 4  # runs that are seen at once


def together(runs: Sequence[Finished]) -> str:
    """Return for each run that has it the share found by each attack and by any, and the overlap of each pair."""
    names = varying(run.result.run for run in runs)
    blocks: list[str] = []
    for run in runs:
        if found := run.result.found:
            title = label(run.result.run, ["attack", "defence", *names])
            is_open = " open" * (len(blocks) < OPEN)
            blocks.append(f"<details{is_open}><summary>{escape(title)}</summary>{_of_run(title, found)}</details>")
    return "\n".join(blocks)


def _of_run(title: str, found: Found) -> str:
    names = sorted(found.attackers, key=lambda name: _height(found.attackers[name]), reverse=True)
    pairs = {frozenset((pair.first, pair.second)): pair.jaccard for pair in found.pairs}
    rows = [
        row(first, [percent(found.attackers[first]), *(_overlap(first, second, pairs) for second in names)])
        for first in names
    ]
    caption = (
        "Below each other: the share of the members that an attack finds, in %. To the right: of the members found by "
        "either of two attacks, those found by both, in % (100: the same; 0: none in common; -: neither finds any)."
    )
    return (
        f"<p>At a false positive rate of {100 * found.fpr:g} % each, any of the attacks finds "
        f"{percent(found.any)} % of the members and accuses {percent(found.any_fpr)} % of the non-members.</p>\n"
        + box(f"{title}, found", caption, ["Attack", "Found", *names], rows, classes="heat")
    )


def _height(measurement: Measurement) -> float:
    return measurement.known.value if measurement.given else -1.0


def _overlap(first: str, second: str, pairs: Mapping[frozenset[str], float | None]) -> str:
    if first == second:
        return '<span class="same"></span>'
    overlap = pairs.get(frozenset((first, second)))
    if overlap is None:
        return '<abbr title="neither finds any">-</abbr>'
    # Never so dark that the number cannot be read.
    return f'<span style="background: rgba(29, 78, 216, {0.5 * overlap:.2f})">{100 * overlap:.0f}</span>'
