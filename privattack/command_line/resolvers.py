"""What the files in `conf` compute, among it the names of runs."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from privattack.command_line.options import groups, options, settings_of
from privattack.command_line.vocabulary import CONF

# In every name anyway, or without influence on the result.
UNNAMED = (
    "attack",
    "defence",
    "budget",
    "seed",
    "store",
    "data.root",
    "data.cache",
    "verbose",
    "trainer.progress",
    "claims",
)


def run_name(choices: Mapping[str, Any], overrides: Sequence[str], budget: object, seed: object) -> str:
    """Return what tells a run from others: `mea-label_only-b3000-s0`, then whatever else was set."""
    budgets = "-".join(map(str, budget)) if isinstance(budget, ListConfig) else budget
    name = f"{choices['attack']}-{choices['defence']}-b{budgets}-s{seed}"
    for override in overrides:
        if override.lstrip("+~").split("=")[0] not in UNNAMED:
            name += "-" + re.sub(r"[^\w.,=+-]+", "_", override)
    if len(name) > 160:
        name = f"{name[:150]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def if_emnist(root: str, text: str) -> str:
    """Return `text` where EMNIST's digits lie under `root`, else nothing."""
    return text if (Path(root).expanduser() / "EMNIST/raw/emnist-digits-test-images-idx3-ubyte").exists() else ""


def partial(made: DictConfig) -> DictConfig:
    """Return settings of which Hydra makes a function that takes what they leave out."""
    return OmegaConf.create({**made, "_partial_": True})


def every(group: str, but: str | None = None) -> str:
    """Return the names of all options of a group but those of a class, as a sweep takes them."""
    paths = sorted((CONF / group).glob("*.yaml"))
    return ",".join(path.stem for path in paths if but is None or settings_of(path)["_target_"] != but)


def register_resolvers() -> None:
    """Make known to OmegaConf what the files in `conf` compute."""
    for resolver in (run_name, if_emnist, partial, every):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
    for name, text in {"groups_help": groups, "options_help": options}.items():
        OmegaConf.register_new_resolver(name, text, replace=True)
    # Hydra hands the cache on to a sweep's jobs: all name the process that began the sweep, and so the same folder.
    OmegaConf.register_new_resolver("process", os.getpid, replace=True, use_cache=True)
