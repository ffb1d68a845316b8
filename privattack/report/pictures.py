"""The page's main plots as pictures, for TensorBoard's Images tab: drawn from the same Plotly figures."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import UInt8
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from privattack.report.drawing import FAINT, Panel
from privattack.report.plots import against_budget
from privattack.report.scores import histograms, rocs
from privattack.results.collect import Finished

# Plotly's names of dashes and markers, as matplotlib has them.
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdashdot": (0, (10, 3, 2, 3))}
MARKERS = {
    "circle": "o", "square": "s", "diamond": "D", "x": "x", "triangle-up": "^", "triangle-down": "v",
    "pentagon": "p", "star": "*", "cross": "P", "hexagon": "h",
}  # fmt: skip
DOTS_PER_INCH = 100
WIDTH, HEIGHT = 4.2, 3.6  # inches, of one plot
COLUMNS = 3
LETTERS = 60  # side by side above a plot
POINTS = 72 / DOTS_PER_INCH  # in one pixel
STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # names are users': a dollar sign is one
    "font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": FAINT,
    "axes.axisbelow": True, "legend.frameon": False,
}  # fmt: skip


def write_pictures(folder: Path, runs: Sequence[Finished]) -> None:
    """Write events with a run's ROC and histograms, and with success against budget, into `folder`.

    Drawing takes tenths of a second, so a sweep has pictures of its own, and none for each run.
    """
    pictures: dict[str, list[Panel]] = {}
    for panel in [*(rocs(runs) + histograms(runs) if len(runs) == 1 else []), *against_budget(runs)]:
        if panel.picture:
            pictures.setdefault(panel.picture, []).append(panel)
    if pictures:
        with SummaryWriter(str(folder)) as writer:
            for name, panels in pictures.items():
                writer.add_image(name, pixels(panels), dataformats="HWC")


def pixels(panels: Sequence[Panel]) -> UInt8[np.ndarray, "height width 4"]:
    """Draw plots beside and below each other.

    It knows of Plotly what the page's plots use: lines, markers, areas, reference lines across the plot, names at the
    right end, a legend, and axes with their ranges, ticks and logarithms.
    """
    columns = min(len(panels), COLUMNS)
    rows = -(-len(panels) // columns)
    with rc_context(STYLE):
        picture = Figure(figsize=(WIDTH * columns, HEIGHT * rows), dpi=DOTS_PER_INCH, layout="constrained")
        for number, panel in enumerate(panels, 1):
            _draw(picture.add_subplot(rows, columns, number), panel)
        canvas = FigureCanvasAgg(picture)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _draw(axes: Axes, panel: Panel) -> None:
    layout = panel.plot.layout
    for trace in panel.plot.data:
        if trace.visible != "legendonly":
            _trace(axes, trace)
    for line in layout.shapes:
        draw, place = (axes.axhline, line.y0) if line.y0 == line.y1 else (axes.axvline, line.x0)
        draw(place, **_line(line.line))
    for note in layout.annotations:
        axes.annotate(
            note.text, (note.x, note.y), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
            color=note.font.color, verticalalignment="center", annotation_clip=False,
        )  # fmt: skip
    _axis(axes, "x", layout.xaxis)
    _axis(axes, "y", layout.yaxis)
    title = fill(panel.title, LETTERS)
    if layout.showlegend:
        # Above the plot, where the page has it, too: the title goes on top of it.
        handles, names = axes.get_legend_handles_labels()
        columns = max(1, min(3, LETTERS // (max(map(len, names)) + 6)))
        axes.legend(
            handles, names, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, title=title, alignment="left"
        )
    else:
        axes.set_title(title, loc="left")


def _trace(axes: Axes, trace: go.Scatter) -> None:
    if trace.fill == "toself":
        axes.fill(trace.x, trace.y, color=trace.fillcolor, alpha=trace.opacity, linewidth=0)
        return
    style = _line(trace.line)
    if "markers" in trace.mode:
        every = 1 / trace.marker.maxdisplayed if trace.marker.maxdisplayed else None
        size = trace.marker.size * POINTS
        style |= {"marker": MARKERS[trace.marker.symbol], "markersize": size, "markevery": every}
    axes.plot(trace.x, trace.y, label=trace.name, **style)


def _line(line: Any) -> dict[str, Any]:
    return {"color": line.color, "linestyle": DASHES[line.dash], "linewidth": line.width * POINTS}


def _axis(axes: Axes, side: str, axis: Any) -> None:
    settings: dict[str, Any] = {"label": axis.title.text, "scale": axis.type or "linear"}
    if axis.range:
        settings["lim"] = [10**end for end in axis.range] if axis.type == "log" else axis.range
    elif axis.rangemode == "tozero":
        settings["lim"] = (0, None)
    if axis.tickvals:
        settings |= {"ticks": axis.tickvals, "ticklabels": axis.ticktext}
    axes.set(**{f"{side}{name}": value for name, value in settings.items()})
    if axis.tickformat and axis.tickformat.endswith("%"):
        getattr(axes, f"{side}axis").set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
    axes.minorticks_off()
