"""The page's main plots as pictures, for TensorBoard's Images tab."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from privattack.report.looks import Look, leaders, looks_of
from privattack.report.plots import by_budget
from privattack.results.collect import Run
from privattack.results.figures import FEW, LOW_RATE, WORDS, compared_by, figure, given, ranked

# Plotly's names of dashes and markers, as matplotlib has them.
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
MARKERS = {
    "circle": "o", "square": "s", "diamond": "d", "x": "x", "triangle-up": "^", "triangle-down": "v",
    "pentagon": "p", "star": "*", "cross": "P", "hexagon": "h",
}  # fmt: skip
DOTS_PER_INCH = 100
WIDTH, HEIGHT = 4.2, 3.6  # inches, of one plot


def write_pictures(folder: Path, runs: Sequence[Run]) -> None:
    """Write events with a run's ROC and histograms, and with success against budget, into `folder`.

    Drawing takes tenths of a second, so a sweep has pictures of its own, and none for each run.
    """
    pictures = dict(_of_run(runs[0]) if len(runs) == 1 else _against_budgets(runs))
    if pictures:
        with SummaryWriter(str(folder)) as writer:
            for name, picture in pictures.items():
                writer.add_image(name, _pixels(picture), dataformats="HWC")


def _of_run(run: Run) -> Iterator[tuple[str, Figure]]:
    looks = looks_of([run])
    if run.rocs:
        picture, (axes,) = _empty(1)
        # A picture has no legend that could show the others.
        for name in [name for name in leaders([run]) if name in run.rocs]:
            axes.loglog(run.rocs[name].fpr, run.rocs[name].tpr, markevery=0.2, label=name, **_style(looks[name]))
        axes.loglog([1e-4, 1], [1e-4, 1], "-.k", linewidth=0.8, label="coin")
        axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(1e-4, 1.1), ylim=(1e-4, 1.3))
        axes.legend(fontsize="small")
        yield "roc", picture
    if run.histograms:
        names = [one["name"] for one in ranked(run.result["attackers"]) if one["name"] in run.histograms][:FEW]
        picture, plots = _empty(len(names))
        for axes, name in zip(plots, names, strict=True):
            histogram = run.histograms[name]
            edges = [*histogram.low, histogram.high[-1]]
            axes.stairs(histogram.members, edges, fill=True, alpha=0.3, color="C0", label="members")
            axes.stairs(histogram.nonmembers, edges, linestyle="--", color="C1", label="non-members")
            axes.set(xlabel="score", ylabel="images", title=name)
            axes.legend()
        yield "histograms", picture
    yield from _against_budgets([run])


def _against_budgets(runs: Sequence[Run]) -> Iterator[tuple[str, Figure]]:
    looks = looks_of(runs)
    groups: dict[str, list[tuple[str, list[Run]]]] = {}
    for title, group in by_budget(runs):
        groups.setdefault(compared_by(*(run.result for run in group)), []).append((title, group))
    for metric, alike_groups in groups.items():
        picture, plots = _empty(len(alike_groups))
        for axes, (title, group) in zip(plots, alike_groups, strict=True):
            _against_budget(axes, group, metric, looks)
            axes.set(xscale="log", xlabel="queries", ylabel=WORDS.get(metric, metric), title=title)
            axes.set_ylim(0, None if metric == LOW_RATE else 1.02)
            asked = sorted({run.result["run"]["budget"] for run in group})
            axes.set_xticks(asked, [f"{budget:,}" for budget in asked])
            axes.minorticks_off()
            axes.legend(fontsize="small")
        yield f"{metric}_against_budget", picture


def _against_budget(axes: Axes, runs: Sequence[Run], metric: str, looks: Mapping[str, Look]) -> None:
    for name in leaders(runs, metric):
        points = [
            (run.result["run"]["budget"], measured["value"], measured["low"], measured["high"])
            for run in runs
            for attacker in run.result["attackers"]
            if attacker["name"] == name and given(measured := figure(attacker, metric))
        ]
        budgets, values, lows, highs = zip(*points, strict=True)
        axes.plot(budgets, values, label=name, **_style(looks[name]))
        axes.fill_between(budgets, lows, highs, alpha=0.15, color=looks[name].colour)


def _style(look: Look) -> dict[str, Any]:
    return {"color": look.colour, "linestyle": DASHES[look.dash], "marker": MARKERS[look.marker]}


def _empty(plots: int) -> tuple[Figure, list[Axes]]:
    """Return a figure that pyplot, which keeps what it makes, knows nothing of."""
    columns = min(plots, 3)
    rows = -(-plots // columns)
    picture = Figure(figsize=(WIDTH * columns, HEIGHT * rows), dpi=DOTS_PER_INCH, layout="constrained")
    axes = picture.subplots(rows, columns, squeeze=False).flatten().tolist()
    for unused in axes[plots:]:
        unused.remove()
    return picture, axes[:plots]


def _pixels(picture: Figure) -> UInt8[np.ndarray, "height width 4"]:
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
