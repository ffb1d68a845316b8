"""The page's main plots as pictures, for TensorBoard's Images tab."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from privattack.report.collect import Run
from privattack.report.figures import alike
from privattack.report.results import figure, given, is_extraction

STYLES = {"published": "s--C1", "adaptive": "o-C0", "blind": "x:k", "no_query": "d:k"}
DOTS_PER_INCH = 100
WIDTH, HEIGHT = 4.2, 3.6  # inches, of one plot


def write_pictures(folder: Path, runs: Sequence[Run]) -> None:
    """Write events with a run's ROC and histograms, or with a sweep's success against budget, into `folder`.

    Drawing takes tenths of a second, so a sweep has pictures of its own, and none for each run.
    """
    pictures = dict(_of_run(runs[0]) if len(runs) == 1 else _of_sweep(runs))
    if pictures:
        with SummaryWriter(str(folder)) as writer:
            for name, picture in pictures.items():
                writer.add_image(name, _pixels(picture), dataformats="HWC")


def _of_run(run: Run) -> Iterator[tuple[str, Figure]]:
    knowledge = {attacker["name"]: attacker["knowledge"] for attacker in run.result["attackers"]}
    if run.rocs:
        picture, (axes,) = _empty(1)
        for name, roc in run.rocs.items():
            axes.loglog(roc.fpr, roc.tpr, STYLES[knowledge[name]], markevery=0.2, label=name)
        axes.loglog([1e-4, 1], [1e-4, 1], "-.k", linewidth=0.8, label="coin")
        axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(1e-4, 1.1), ylim=(1e-4, 1.3))
        axes.legend()
        yield "roc", picture
    if run.histograms:
        picture, plots = _empty(len(run.histograms))
        for axes, (name, histogram) in zip(plots, run.histograms.items(), strict=True):
            edges = [*histogram.low, histogram.high[-1]]
            axes.stairs(histogram.members, edges, fill=True, alpha=0.3, color="C0", label="members")
            axes.stairs(histogram.nonmembers, edges, linestyle="--", color="C1", label="non-members")
            axes.set(xlabel="score", ylabel="images", title=name)
            axes.legend()
        yield "histograms", picture


def _of_sweep(runs: Sequence[Run]) -> Iterator[tuple[str, Figure]]:
    for metric, extraction in (("fidelity", True), ("accuracy", False)):
        groups = [
            (title, sorted(group, key=lambda run: run.result["run"]["budget"]))
            for title, group in alike(runs, besides=("budget",))
            if is_extraction(group[0].result) == extraction and len({run.result["run"]["budget"] for run in group}) > 1
        ]
        if not groups:
            continue
        picture, plots = _empty(len(groups))
        for axes, (title, group) in zip(plots, groups, strict=True):
            _against_budget(axes, group, metric)
            axes.set(xscale="log", xlabel="queries", ylabel=metric, title=title, ylim=(0, 1.02))
            asked = sorted({run.result["run"]["budget"] for run in group})
            axes.set_xticks(asked, [f"{budget:,}" for budget in asked])
            axes.minorticks_off()
            axes.legend()
        yield f"{metric}_against_budget", picture


def _against_budget(axes: Axes, runs: Sequence[Run], metric: str) -> None:
    knowledge = {attacker["name"]: attacker["knowledge"] for run in runs for attacker in run.result["attackers"]}
    for name in knowledge:
        points = [
            (run.result["run"]["budget"], measured["value"], measured["low"], measured["high"])
            for run in runs
            for attacker in run.result["attackers"]
            if attacker["name"] == name and given(measured := figure(attacker, metric))
        ]
        if points:
            budgets, values, lows, highs = zip(*points, strict=True)
            axes.plot(budgets, values, STYLES[knowledge[name]], label=name)
            axes.fill_between(budgets, lows, highs, alpha=0.15, color=axes.lines[-1].get_color())


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
