"""The page's main plots as pictures, for TensorBoard's Images tab."""

from collections.abc import Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from privattack.report.draw import pixels
from privattack.report.drawing import Panel
from privattack.report.plots import against_budget
from privattack.report.scores import histograms, rocs
from privattack.results.collect import Finished


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
