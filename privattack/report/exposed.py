"""The members that attacks find most often, as pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from privattack.results.collect import Finished
from privattack.results.naming import label, varying
from privattack.results.result import Exposed

SHOWN = 4  # attacks named below a picture


@dataclass(frozen=True)
class Card:
    """A member: its picture, as PNG in base64, and lines of text below it."""

    picture: str | None
    lines: Sequence[str]


@dataclass(frozen=True)
class Gallery:
    """Pictures of one run."""

    title: str
    cards: Sequence[Card]


def galleries(runs: Sequence[Finished]) -> list[Gallery]:
    """Return a gallery for each run whose attacks find somebody."""
    names = ["attack", "defence", *varying(run.result.run for run in runs)]
    shown = [
        (label(run.result.run, names), run.result.exposed, "targets" if run.result.run.targets else "repetitions")
        for run in runs
        if run.result.exposed
    ]
    return [Gallery(title, [_card(one, unit) for one in exposed]) for title, exposed, unit in shown]


def _card(exposed: Exposed, unit: str) -> Card:
    found = sorted(exposed.found.items(), key=lambda item: -item[1])
    lines = [f"class {exposed.label}, image {exposed.image}"]
    if exposed.targets == 1:
        lines.append(f"found by {', '.join(name for name, _ in found[:SHOWN])}")
    else:
        lines.append(f"a member in {exposed.targets} {unit}, found in")
        lines += [f"{round(share * exposed.targets)} by {name}" for name, share in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"and by {len(found) - SHOWN} more")
    return Card(exposed.picture, lines)
