"""Draws what `drawing.py` describes, by matplotlib: as SVG for a page, as a file, or beside others as pixels."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from re import sub
from textwrap import fill
from typing import Any
from xml.etree import ElementTree

import numpy as np
from jaxtyping import UInt8
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from privattack.measurement import Measurement
from privattack.report.drawing import Axis, Curve, Dot, Number, Panel, Plot
from privattack.report.looks import FAINT, INK, QUIET
from privattack.report.placing import beside_dots, spread

UNITS = 72  # of an SVG in an inch: with as many dots in an inch, one is a pixel
WIDTH, LARGE = 380, 480  # pixels
COLUMNS = 3  # of plots beside each other in a picture
LETTERS = 52  # side by side above a plot
TITLE = 36  # pixels above a plot, for two lines
LINE, LETTER = 15, 6.6  # pixels that a line and a letter of a name take
LONGEST = 36  # letters of a name
STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # names are users': a dollar sign is one
    "font.size": 12, "axes.titlesize": 12, "legend.fontsize": 11, "legend.frameon": False, "axes.grid": True,
    "grid.color": FAINT, "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "text.color": INK,
    "lines.linewidth": 1.8, "lines.markersize": 6.5, "axes.ymargin": 0.08, "svg.fonttype": "none",
    "pdf.fonttype": 42,  # conferences refuse Type 3
}  # fmt: skip
ACROSS: dict[str, Any] = {"color": INK, "linewidth": 1, "linestyle": (0, (8, 3, 2, 3)), "zorder": 1.5}
SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def svg(panel: Panel) -> Markup:
    """Return a plot as SVG for a page: it scales, has the page's colours, and names what the pointer rests on."""
    text = StringIO()
    # Two plots of a page must not call two things alike.
    with _style(panel.title + panel.description):
        picture, tips = _picture([panel], titled=False)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        picture.savefig(text, format="svg", transparent=True, metadata=nothing)
    root = ElementTree.fromstring(text.getvalue())
    del root.attrib["width"], root.attrib["height"]
    for node in root.iter():
        if tip := tips.get(node.get("id", "")):
            title = ElementTree.Element(f"{{{SVG}}}title")
            title.text = tip
            node.insert(0, title)
        if node.tag == f"{{{SVG}}}g":
            node.attrib.pop("id", None)
        if path := node.get("d"):  # hundredths of a pixel, for a page of many plots to be light
            node.set("d", " ".join(sub(r"(\.\d\d)\d+", r"\1", path).split()))
        if style := node.get("style"):
            style = sub(r"#[0-9a-f]{6}", lambda colour: f"var({variable(colour[0])})", style)
            node.set("style", sub(r"(font: [\d.]+px)[^;]*", r"\1 system-ui, sans-serif", style))
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def variable(colour: str) -> str:
    """Return the name by which a page's style sheet has a colour: on white as it is, on black another."""
    return f"--on-white-{colour[1:]}"


def save(panel: Panel, path: Path) -> None:
    """Write a plot as a file, in the form that its name ends with: `.svg`, `.pdf` or `.png`."""
    with _style(panel.title):
        picture, _ = _picture([panel])
        date = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
        picture.savefig(path, dpi=2 * UNITS, metadata=date)


def pixels(panels: Sequence[Panel]) -> UInt8[np.ndarray, "height width 4"]:
    """Draw plots beside and below each other."""
    with _style():
        picture, _ = _picture(panels)
        canvas = FigureCanvasAgg(picture)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())


@contextmanager
def _style(salt: str = "") -> Iterator[None]:
    with rc_context(STYLE | {"svg.hashsalt": salt}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a browser has signs that matplotlib's font has not
        yield


def _picture(panels: Sequence[Panel], *, titled: bool = True) -> tuple[Figure, dict[str, str]]:
    """Return plots in rows, and what to say of their parts, by the parts' names."""
    columns = min(len(panels), COLUMNS)
    width = max(LARGE if panel.large else WIDTH for panel in panels)
    height = max(panel.plot.height for panel in panels) + TITLE * titled
    size = columns * width, -(-len(panels) // columns) * height
    # Margins are reckoned, for matplotlib's layouts draw everything twice.
    picture = Figure(figsize=(size[0] / UNITS, size[1] / UNITS), dpi=UNITS)
    tips: dict[str, str] = {}
    for number, panel in enumerate(panels):
        left, right, bottom, top = margins(panel.plot)
        row, column = divmod(number, columns)
        corner = column * width + left, size[1] - (row + 1) * height + bottom
        inside = width - left - right, height - TITLE * titled - bottom - top
        axes = picture.add_axes((corner[0] / size[0], corner[1] / size[1], inside[0] / size[0], inside[1] / size[1]))
        _Drawing(axes, panel.plot, inside, tips).draw()
        if titled:
            axes.set_title(_text(fill(panel.title, LETTERS)), loc="left", x=(8 - left) / inside[0], pad=top - 4)
    return picture, tips


def margins(plot: Plot) -> tuple[float, float, float, float]:
    """Return what a plot needs to the left, to the right, below and above its axes, in pixels."""
    left = _longest(plot.y.ticks.values()) or 6 * LETTER
    ends = [one.name for one in _named_at_ends(plot)] + [one.name for one in plot.references if not one.vertical]
    above = LINE * _has_vertical(plot) + 1.6 * LINE * (plot.names == "above")
    return left + 8 + 1.2 * LINE * bool(plot.y.title), max(_longest(ends) + 8, 20.0), 2.9 * LINE, 8.0 + above


def _named_at_ends(plot: Plot) -> list[Curve]:
    return [one for one in plot.curves if plot.names == "ends" and not one.pale]


def _longest(names: Iterable[str]) -> float:
    return LETTER * max(map(len, map(_name, names)), default=0)


class _Drawing:
    def __init__(self, axes: Axes, plot: Plot, inside: tuple[float, float], tips: dict[str, str]) -> None:
        self.axes, self.plot, self.inside, self.tips = axes, plot, inside, tips

    def draw(self) -> None:
        for curve in self.plot.curves:
            self._curve(curve)
        for dot in self.plot.dots:
            self._dot(dot)
        for line in self.plot.references:
            (self.axes.axvline if line.vertical else self.axes.axhline)(line.at, **ACROSS)
        self._axis("x", self.plot.x)
        self._axis("y", self.plot.y)
        self._names()

    def _curve(self, curve: Curve) -> None:
        style: dict[str, Any] = {**_line(curve), "gid": self._tip(curve.name)}
        if curve.pale:
            self.axes.plot(curve.x, curve.y, **style | {"color": QUIET, "linewidth": 0.7, "zorder": 1.8, "marker": ""})
            return
        if curve.band:
            low, high = zip(*curve.band, strict=True)
            self.axes.fill_between(curve.x, low, high, color=curve.look.colour, alpha=0.14, linewidth=0)
        if curve.filled:
            self.axes.fill_between(curve.x, curve.y, color=curve.look.colour, alpha=0.12, linewidth=0)
        if curve.markers is not None:
            self.axes.plot(curve.x, curve.y, markevery=max(1, len(curve.x) // max(curve.markers, 1)), **style)
            return
        self.axes.plot(curve.x, curve.y, **style | {"marker": ""})
        for place, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
            ends = curve.band[place] if curve.band else ()
            said = f"{curve.name}: {_value(self.plot.y, y, *ends)} at {_value(self.plot.x, x)}"
            self.axes.plot([x], [y], **style | {"gid": self._tip(said)})

    def _dot(self, dot: Dot) -> None:
        (x, across), (y, along) = _with_error(dot.x), _with_error(dot.y)
        axes = (self.plot.y, dot.y), (self.plot.x, dot.x)
        said = [_value(axis, *one.known) for axis, one in axes if isinstance(one, Measurement)]
        self.axes.errorbar(x, y, along, across, fmt="none", color=QUIET, elinewidth=1.2, capsize=2.5, zorder=1.9)
        gid = self._tip(f"{dot.name}: {' at '.join(said)}")
        self.axes.plot([x], [y], gid=gid, **_marker(dot))

    def _tip(self, said: str) -> str:
        name = f"tip-{len(self.tips)}"
        self.tips[name] = _text(said)
        return name

    def _axis(self, side: str, axis: Axis) -> None:
        drawn = getattr(self.axes, f"{side}axis")
        self.axes.set(**{f"{side}label": _text(axis.title), f"{side}scale": "log" if axis.log else "linear"})
        self.axes.autoscale_view()
        low, high = axis.limits or getattr(self.axes, f"get_{side}lim")()
        if axis.percent and not axis.limits:  # a share is never far beyond 0 and 1
            spare = 0.03 * (high - low)
            low, high = max(low, -spare), min(high, 1 + spare)
        self.axes.set(**{f"{side}lim": (low, high)})
        if axis.ticks:
            drawn.set_ticks([*axis.ticks], [_name(one) for one in axis.ticks.values()])
        else:
            drawn.set_major_locator(LogLocator() if axis.log else MaxNLocator(5))
            drawn.set_major_formatter(lambda place, _: f"{100 * place:.3g} %" if axis.percent else f"{place:,.4g}")
        drawn.set_minor_locator(NullLocator())

    def _names(self) -> None:
        plot = self.plot
        self._at_ends()
        if plot.names == "dots":
            self._at_dots()
        elif plot.names not in ("ends", "none"):
            lines = {_name(one.name): _line(one) for one in plot.curves if not one.pale}
            lines |= {_name(one.name): _marker(one) for one in plot.dots}
            place: dict[str, Any] = {"loc": plot.names}
            if plot.names == "above":
                corner = 0, 1 + LINE * _has_vertical(plot) / self.inside[1]
                place = {"loc": "lower left", "bbox_to_anchor": corner, "ncols": len(lines), "columnspacing": 1.2}
            self.axes.legend([Line2D([], [], **one) for one in lines.values()], [*lines], **place)
        for line in plot.references:
            if line.vertical:
                self._note(line.name, (line.at, 1), ("data", "axes fraction"), ha="center", va="bottom")

    def _note(self, words: str, place: tuple[Number, Number], of: Any = "axes fraction", **settings: Any) -> None:
        self.axes.annotate(_name(words), place, xycoords=of, fontsize=11, annotation_clip=False, **settings)

    def _share(self, x: Number, y: Number) -> tuple[float, float]:
        """Return a place of the data in shares of the plot's width and height."""
        across, along = self.axes.transLimits.transform(self.axes.transScale.transform((x, y)))
        return float(across), float(along)

    def _at_ends(self) -> None:
        right = self.axes.get_xlim()[1]
        ends = [(one.y[-1], one.name, one.look.colour) for one in _named_at_ends(self.plot)]
        ends += [(one.at, one.name, INK) for one in self.plot.references if not one.vertical]
        places = spread([self._share(right, y)[1] for y, _, _ in ends], LINE / self.inside[1])
        for place, (_, name, colour) in zip(places, ends, strict=True):
            self._note(name, (1 + 6 / self.inside[0], place), color=colour, va="center")

    def _at_dots(self) -> None:
        dots = [dot for dot in self.plot.dots if not dot.pale]
        middles = [self._share(_with_error(dot.x)[0], _with_error(dot.y)[0]) for dot in dots]
        widths = [LETTER * len(_name(dot.name)) / self.inside[0] for dot in dots]
        arrow = {"arrowstyle": "-", "color": QUIET, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3}
        for dot, middle, place in zip(dots, middles, beside_dots(middles, widths, LINE / self.inside[1]), strict=True):
            at = {"xytext": place, "textcoords": "axes fraction", "ha": "center", "va": "center"}
            self._note(dot.name, middle, arrowprops=arrow, **at)


def _line(curve: Curve) -> dict[str, Any]:
    marker = "" if curve.markers == 0 else curve.look.marker
    return {"color": curve.look.colour, "linestyle": curve.look.dash, "marker": marker}


def _marker(dot: Dot) -> dict[str, Any]:
    return {"color": dot.look.colour, "marker": dot.look.marker, "markersize": 8, "linestyle": ""}


def _has_vertical(plot: Plot) -> bool:
    return any(line.vertical for line in plot.references)


def _value(axis: Axis, value: Number, *ends: Number) -> str:
    texts = [f"{100 * one:.1f}" if axis.percent else f"{one:,.4g}" for one in (value, *ends)]
    return texts[0] + " %" * axis.percent + (f" [{', '.join(texts[1:])}]" if ends else "")


def _with_error(one: Measurement | Number) -> tuple[Number, list[list[float]] | None]:
    if not isinstance(one, Measurement):
        return one, None
    value, low, high = one.known
    return value, [[value - low], [high - value]]


def _name(words: str) -> str:
    """Return a name, the end of a very long one left out: all of it is said where the pointer rests."""
    return _text(words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}")


def _text(words: str) -> str:
    """Return words without signs that nobody sees, which an XML file must not hold."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in words)
