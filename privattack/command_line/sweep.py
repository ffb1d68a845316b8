"""What a sweep's own process knows of its jobs, whichever processes those run in."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from privattack.command_line.left_as_found import Found, found_in


class Sweep(Callback):
    """Keeps the folder of the sweep that this process runs; Hydra calls it before the first job."""

    folder: ClassVar[Path | None] = None
    run: ClassVar[Path | None] = None  # the folder of a single run with claims
    begun: ClassVar[Path | None] = None  # the folder that Hydra writes into
    found: ClassVar[Found | None] = None  # what lay in a single run's folder before it

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Look into the folder of a run that is no job of a sweep, before Hydra writes into it."""
        HydraConfig.instance().set_config(config)  # which the folder's name asks, and which Hydra does next
        with suppress(OmegaConfBaseException):  # a setting is missing, and Hydra is about to say which
            Sweep.begun = Path(os.path.abspath(config.hydra.run.dir))
            Sweep.found = found_in(Sweep.begun)

    def on_run_end(self, config: DictConfig, **_: Any) -> None:
        """Name the folder of a run that is no job of a sweep."""
        Sweep.run = Path(config.hydra.runtime.output_dir) if config.claims else None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Name the folder, once for all jobs."""
        Sweep.folder = Sweep.begun = Path(config.hydra.sweep.dir)


def failures() -> list[str]:
    """Return why jobs of this process's sweep failed, in the order of the jobs."""
    files = Sweep.folder.rglob("failure.json") if Sweep.folder else ()
    found = [json.loads(path.read_text()) for path in files if not (path.parent / "result.json").exists()]
    return [failure["why"] for failure in sorted(found, key=lambda failure: failure.get("job", 0))]


def claims_status() -> int:
    """Return the exit status that claims come to; 0 where none was made."""
    folder = Sweep.run or Sweep.folder
    # The results decide, not the report: a gate that a full disk opens is none.
    if folder is None or not any(folder.rglob("result.json")):
        return 0
    from privattack.report.claims import status_of

    return status_of(folder)


def remove_if_empty() -> None:
    """Remove the folder of a sweep that ended before its first job."""
    folder = Sweep.folder
    if folder and folder.is_dir() and [path.name for path in folder.iterdir()] == ["multirun.yaml"]:
        shutil.rmtree(folder)
