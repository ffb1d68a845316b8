"""The job that every launcher runs: one experiment in the folder that Hydra made."""

import logging
import os
import sys
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from privattack.atomic_write import write_whole
from privattack.command_line.left_as_found import found_by_job, leave_as_found
from privattack.command_line.refused_files import refusals_named
from privattack.command_line.resolvers import register_resolvers
from privattack.command_line.sentences import sentence
from privattack.command_line.sweep import Sweep
from privattack.command_line.vocabulary import check_added
from privattack.errors import UserError

log = logging.getLogger(__name__)

register_resolvers()  # here, for a launcher's other processes import the job and nothing else


def job(config: DictConfig) -> float | None:
    """Run one experiment; a sweep calls this once per job, with most launchers in a process of its own.

    On an error that the user can mend, a single run leaves nothing and exits with status 1. A job of a sweep leaves a
    `failure.json` with the reason: the sweep goes on, and its report has a row for it.

    Returns:
        The run's headline figure, for sweepers that look for the highest; None where there is none.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    found = found_by_job(folder) if Sweep.found is None else Sweep.found
    logging.raiseExceptions = False  # a log that cannot be written does not fill the screen with tracebacks
    _share_cores()
    # Here and not above: pydantic is of no use to `--help`, and takes half as long.
    from privattack import settings

    try:
        check_added(config, hydra.overrides.task)
        settings.check(cast(dict[str, Any], OmegaConf.to_container(config, resolve=True)))
        if (folder / "result.json").exists():
            raise UserError(f"hydra.run.dir={folder}: holds a result already; choose another folder.")
        # PyTorch takes seconds: not before the settings are found to be sound.
        from privattack.experiment import run
        from privattack.results.figures import headline_figure

        choices = {group: option for group, option in hydra.runtime.choices.items() if option is not None}
        with refusals_named(config, folder):
            return headline_figure(run(config, choices, folder))
    # Lightning turns an interrupted training into SystemExit.
    except (KeyboardInterrupt, SystemExit) as interrupt:
        leave_as_found(folder, found)
        raise KeyboardInterrupt from interrupt
    except (UserError, HydraException, OmegaConfBaseException) as error:
        why = sentence(error, hydra.overrides.task)
        leave_as_found(folder, found)
        if hydra.mode is not RunMode.MULTIRUN:
            print(f"Error: {why}", file=sys.stderr)
            sys.exit(1)
        log.error("This job failed; the sweep goes on. %s", why)
        _write_failure(why, config)
    except Exception as error:
        if hydra.mode is not RunMode.MULTIRUN:
            raise
        log.exception("This job failed; the sweep goes on.")
        _write_failure(f"{type(error).__name__}: {error}", config)
    return None


def _share_cores() -> None:
    """Leave other jobs their cores: joblib and Ray see to it themselves, submitit starts all jobs at once."""
    if os.environ.get("SUBMITIT_EXECUTOR") == "local":
        threads = HydraConfig.get().launcher.get("cpus_per_task") or 1
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))


def _write_failure(why: str, config: DictConfig) -> None:
    from pydantic_core import to_json

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    settings = OmegaConf.to_container(config, resolve=False)
    run = {name: hydra.runtime.choices.get(name) for name in ("attack", "defence", "data", "nonmembers")}
    run |= {name: OmegaConf.select(config, name) for name in ("seed", "budget", "repetitions")}
    if isinstance(run["budget"], ListConfig):
        run["budget"] = list(run["budget"])
    failure = {"job": hydra.job.num, "run": {**run, "config": settings}, "why": why}
    # What made the job fail may be no number that JSON knows.
    write_whole(folder / "failure.json", to_json(failure, indent=2, inf_nan_mode="strings", fallback=str))
