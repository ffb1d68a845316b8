"""What the page's tables are made of; `templates/macros.html` makes HTML of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from privattack.measurement import Measurement
from privattack.results.figures import plain


@dataclass(frozen=True)
class Line:
    """A line of a cell: a word for what it is, a value that stands out, more text, and a note in brackets.

    Attributes:
        tip: shown while the pointer rests on the line.
        ground: a colour for the cell, in CSS.
        wraps: whether it is a sentence, which may take several lines.
    """

    text: str = ""
    value: str = ""
    word: str = ""
    note: str = ""
    small: bool = False
    tip: str = ""
    ground: str = ""
    wraps: bool = False


Cell = str | Line | Sequence[Line]


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        name: what it is called where it cannot be seen, and on the line that unfolds it.
        rows: each with its name first; where one is shorter than the titles, its last cell fills the row.
        heat: whether all but the first two columns are narrow, with coloured cells.
        unfolded: None where the table is not behind a line that unfolds it.
    """

    name: str
    caption: str
    titles: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    heat: bool = False
    unfolded: bool | None = None
    introduction: str = ""


def percent(measurement: Measurement) -> Line:
    """Return a share in % with its interval, or why it is missing."""
    if not measurement.given:
        return Line("-", note=str(measurement.why))
    value, low, high = (100 * figure for figure in measurement.known)
    return Line(f"[{low:.1f}, {high:.1f}]", value=f"{value:.1f}")


def number(measurement: Measurement) -> Line:
    """Return a number with its interval, or why it is missing."""
    return Line(plain(measurement)) if measurement.given else Line("-", note=str(measurement.why))
