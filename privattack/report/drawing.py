"""How the page's plots are drawn: dark on white, told apart by dash and marker too, with labels at the lines."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from privattack.measurement import Measurement
from privattack.report.looks import Look

INK, FAINT = "#1a1a1a", "#dcdcdc"
HEIGHT = 340  # pixels
TOP = 1.25  # of an axis from 0 to 1 that has labels over its points
REFERENCE = {"color": INK, "width": 1, "dash": "longdashdot"}


@dataclass(frozen=True)
class Panel:
    """A plot, its title, and what it shows in words; a folded one is seen on request.

    A wide one has its own row, half a one shares it with another. `picture` is the name of TensorBoard's picture that
    it is a part of, where it is one.
    """

    title: str
    description: str
    plot: go.Figure
    folded: bool = False
    wide: bool = False
    half: bool = False
    picture: str = ""

    def json(self) -> Markup:
        """Return what Plotly draws, for a script in a page; its texts are escaped, for Plotly reads tags in them."""
        return htmlsafe_json_dumps(_as_text(self.plot.to_dict()))


def _as_text(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _as_text(value) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_as_text(value) for value in node]
    if isinstance(node, float) and not math.isfinite(node):
        return None
    return escape(node, quote=False) if isinstance(node, str) else node


def empty_plot(x: str, y: str) -> go.Figure:
    """Return a plot without data, with the titles of its axes."""
    axis = {"linecolor": INK, "gridcolor": FAINT, "ticks": "outside", "zeroline": False, "automargin": True}
    # At once, which is ten times as fast as `update_layout`.
    return go.Figure(layout={
        "template": "none", "height": HEIGHT, "margin": {"l": 50, "r": 16, "t": 8, "b": 45}, "showlegend": False,
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK}, "hovermode": "closest",
        "xaxis": axis | {"title": {"text": x}}, "yaxis": axis | {"title": {"text": y}},
    })  # fmt: skip


def line_of(look: Look) -> dict[str, Any]:
    """Return Plotly's settings of a line with markers."""
    return {
        "line": {"color": look.colour, "dash": look.dash, "width": 2},
        "marker": {"color": look.colour, "symbol": look.marker, "size": 8},
    }


def add_curve(
    plot: go.Figure, name: str, look: Look, points: Mapping[int, Measurement], *, opacity: float = 0.15
) -> None:
    """Draw measurements as a line over their x, with their intervals as a band."""
    x, known = list(points), [one.known for one in points.values()]
    edge = [one.high for one in known] + [one.low for one in reversed(known)]
    add_area(plot, [*x, *reversed(x)], edge, look.colour, opacity=opacity)
    plot.add_scatter(x=x, y=[one.value for one in known], mode="lines+markers", name=name, **line_of(look))


def add_area(plot: go.Figure, x: Sequence[int | float], y: Sequence[float], colour: str, *, opacity: float) -> None:
    """Fill the inside of a closed line."""
    plot.add_scatter(
        x=x, y=y, fill="toself", fillcolor=colour, opacity=opacity, line_width=0, mode="lines", hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


def error_of(measurement: Measurement) -> dict[str, Any]:
    """Return Plotly's settings of an error bar: the measurement's interval."""
    value, low, high = measurement.known
    return {
        "array": [high - value], "arrayminus": [value - low],
        "symmetric": False, "color": "#737373", "thickness": 1.2,
    }  # fmt: skip


def show_legend(plot: go.Figure) -> None:
    """Put a legend above the plot, where lines lie too close for labels at their ends."""
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemwidth": 40}
    plot.update_layout(showlegend=True, legend=legend, margin_t=36)


def label_ends(plot: go.Figure, ends: Sequence[tuple[float, str, str]], *, top: float = 1.0) -> None:
    """Write each line's name at its right end, moved apart where lines end less than 8 % of the axis from each other.

    Args:
        ends: a line's last value on an axis from 0 to `top`, its name and its colour.
    """
    gap = 0.08 * top
    highest = top - gap * (len(ends) - 1) / 2
    ordered = sorted(ends)
    places: list[float] = []
    for value, _, _ in ordered:
        places.append(max(value, places[-1] + gap) if places else min(value, highest))
    # Those pushed over the top push the others down.
    for index in range(len(places) - 1, -1, -1):
        ceiling = 1.02 * top if index == len(places) - 1 else places[index + 1] - gap
        places[index] = min(places[index], ceiling)
    for place, (_, name, colour) in zip(places, ordered, strict=True):
        plot.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=6, y=place, yanchor="middle", showarrow=False,
            text=name, font={"color": colour},
        )  # fmt: skip
    plot.update_layout(margin_r=20 + 8 * max(len(name) for _, name, _ in ends))


def label_points(
    plot: go.Figure, points: Sequence[tuple[float, float, str]], *, width: float, top: float = 1.0
) -> None:
    """Write each point's name above or below it, where no other label or point is.

    Args:
        points: x, y from 0 to `top`, and the name.
        width: of a label, in units of x.
    """
    scaled = sorted((x, y / top, name) for x, y, name in points)
    taken = [(x, y) for x, y, _ in scaled]
    for x, y, name in scaled:
        places = (y + step for step in (0.09, -0.09, 0.17, -0.17, 0.25, -0.25, 0.33, -0.33))
        inside = (place for place in places if 0.05 < place < TOP - 0.05)
        free = (place for place in inside if all(abs(x - a) > width or abs(place - b) > 0.07 for a, b in taken))
        place = next(free, y + 0.09)
        taken.append((x, place))
        plot.add_annotation(
            x=x, y=y * top, ax=0, ay=-(place - y) * (HEIGHT - 60) / TOP, text=name, arrowhead=0, arrowwidth=0.7,
            arrowcolor=INK, standoff=6, bgcolor="rgba(255, 255, 255, 0.8)",
        )  # fmt: skip
