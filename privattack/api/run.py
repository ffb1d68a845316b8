"""One run from Python, as from the command line."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from omegaconf import OmegaConf

from privattack.api.results import Results, load
from privattack.command_line.compose import composed
from privattack.command_line.left_as_found import found_in, leave_as_found
from privattack.command_line.refused_files import refusals_named
from privattack.command_line.resolvers import run_name
from privattack.errors import UserError


def run(overrides: Sequence[str] = (), *, folder: str | Path | None = None) -> Results:
    """Run one experiment, as `python run.py OVERRIDES` does, and return its result.

    Args:
        overrides: the command line's words, such as `["data=digits", "attack=mia", "target.epochs=5"]`; a text alone
            is split at its spaces.
        folder: where the run leaves its files; a new one below `outputs/`, named after what differs, by default.

    Returns:
        One result: `run(...).result` is it.

    Raises:
        UserError: a setting cannot work, or the folder holds a result; nothing is left behind.
    """
    words = overrides.split() if isinstance(overrides, str) else [*overrides]
    config, choices = composed(words)
    if folder is None:
        name = run_name(choices, words, config.budget, config.seed)
        folder = Path("outputs") / name / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}-{os.getpid()}"
    place = Path(folder).resolve()
    if (place / "result.json").exists():
        raise UserError(f"folder={folder}: holds a result already; choose another folder.")
    # PyTorch takes seconds: not before the settings are found to be sound.
    from privattack.experiment import run as run_experiment

    found = found_in(place)
    place.mkdir(parents=True, exist_ok=True)
    try:
        with refusals_named(config, place):
            run_experiment(config, choices, place)
    finally:
        leave_as_found(place, found)
    (place / ".hydra").mkdir(exist_ok=True)
    OmegaConf.save(config, place / ".hydra" / "config.yaml")
    OmegaConf.save(OmegaConf.create(words), place / ".hydra" / "overrides.yaml")
    # Here and not above: pictures import PyTorch.
    from privattack.report.make import make

    make([place], place, pictures=True)
    return load(place)
