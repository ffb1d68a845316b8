"""What Hydra calls when a run or a sweep is over."""

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

log = logging.getLogger(__name__)


class Report(Callback):
    """Writes `summary.csv`, `report.html` and pictures into the folder of a single run, or of a sweep.

    What fails here is said in one sentence: the results lie on the disk by then, and
    `python -m privattack.report` makes the report again.
    """

    def on_run_end(self, config: DictConfig, **_: Any) -> None:
        """Report a run that is no job of a sweep."""
        report(Path(config.hydra.runtime.output_dir), sweep=False)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Report a sweep."""
        report(Path(config.hydra.sweep.dir), sweep=True)


def report(folder: Path, *, sweep: bool) -> None:
    """Make the report over a run or a sweep, and say where it lies; nothing where no job left anything."""
    if not any(folder.rglob("result.json")) and not (sweep and any(folder.rglob("failure.json"))):
        return
    try:
        # Here and not above: Hydra makes this class for `--help`, too.
        from privattack.report.make import make

        said = make([folder], folder, pictures=True)
        # A single run's findings stand below its table already.
        print(said if sweep else said.splitlines()[-1])
    except Exception as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        log.warning("The report could not be made (%s); the results are in %s.", why, folder)
