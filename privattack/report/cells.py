"""What tables of the page are made of."""

from collections.abc import Iterable, Sequence
from html import escape

from privattack.measurement import Measurement
from privattack.results.figures import plain


def box(name: str, caption: str, titles: Sequence[str], rows: Iterable[str], *, classes: str = "") -> str:
    """Return a table in a box that scrolls; its rows are HTML already, all else is text."""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    # A box that scrolls must be within reach of the keyboard.
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="{escape(name)}"><table class="{classes}">'
        f'<caption><div class="near">{escape(caption)}</div></caption>'
        f"\n<thead><tr>{head}</tr></thead>\n<tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(first: str, cells: Iterable[str]) -> str:
    """Return a row: its name, as text, and its cells, as HTML."""
    return f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>\n'


def percent(measurement: Measurement) -> str:
    """Return a share with its interval, or why it is missing."""
    if not measurement.given:
        return missing(measurement)
    value, low, high = (100 * figure for figure in measurement.known)
    return f"<strong>{value:.1f}</strong> [{low:.1f}, {high:.1f}]"


def number(measurement: Measurement) -> str:
    """Return a number with its interval, or why it is missing."""
    return escape(plain(measurement)) if measurement.given else missing(measurement)


def missing(measurement: Measurement) -> str:
    """Return a dash with the reason."""
    return f"- <small>({escape(why(measurement))})</small>"


def why(measurement: Measurement) -> str:
    """Return why a figure is missing."""
    return str(measurement.why)
