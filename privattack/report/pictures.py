"""The page's main plots as pictures, for TensorBoard's Images tab."""

from collections.abc import Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from privattack.report.draw import pixels
from privattack.report.drawing import Panel
from privattack.report.plots import against_budget, by_budget, by_defence
from privattack.report.scores import histograms, rocs
from privattack.report.tensorboard import write_figures
from privattack.results.collect import Finished


def write_pictures(folder: Path, runs: Sequence[Finished]) -> None:
    """Write events with a run's ROC and histograms, and with success against budget, into `folder`.

    Drawing takes tenths of a second, so a sweep has pictures of its own, and none for each run. Runs of a sweep that
    differ in the budget alone become curves, in a folder of their own.
    """
    pictures: dict[str, list[Panel]] = {}
    for panel in [*(rocs(runs) + histograms(runs) if len(runs) == 1 else []), *against_budget(runs)]:
        if panel.picture:
            pictures.setdefault(panel.picture, []).append(panel)
    if pictures:
        with SummaryWriter(str(folder)) as writer:
            for name, panels in pictures.items():
                writer.add_image(name, pixels(panels), dataformats="HWC")
    for title, ordered in by_budget(runs) if len(runs) > 1 else []:
        for defence, behind in by_defence(ordered).items():
            with SummaryWriter(str(folder / "over_budgets" / f"{title}, {defence}".replace("/", "_"))) as writer:
                for run in behind:
                    write_figures(writer, run.result)
