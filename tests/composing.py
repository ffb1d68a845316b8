"""What `conf/` offers, composed as the command line composes it."""

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hydra import compose, initialize_config_dir
from hydra.utils import get_class
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from privattack.make import make

CONF = Path(__file__).parents[1] / "conf"
READ = OmegaConf.load


def options(group: str) -> list[str]:
    """Return the names of a group's options."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def composed(*overrides: str) -> DictConfig:
    """Return the settings as a copy: composing them takes long, and many tests ask for the same."""
    return copy.deepcopy(_composed(*overrides)[0])


def hydra_of(*overrides: str) -> DictConfig:
    """Return Hydra's own settings, which hold the options chosen and what a sweep goes over."""
    return _composed(*overrides)[1]


@cache
def _composed(*overrides: str) -> tuple[DictConfig, DictConfig]:
    # No file is parsed twice: that is a fifth of what composing takes.
    read_once = patch.object(OmegaConf, "load", lambda file: copy.deepcopy(_read(file.name)))
    with read_once, initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", overrides=list(overrides), return_hydra_config=True)
    hydra = config.hydra
    with open_dict(config):
        del config["hydra"]
    return config, hydra


@cache
def _read(path: str) -> DictConfig | ListConfig:
    return READ(path)


def made(group: str, *overrides: str) -> Any:
    """Return what these settings say that `group` is."""
    return make(composed(*overrides), group, object)


def attacks(kind: type) -> list[str]:
    """Return the options of `attack` that are of a kind."""
    return [option for option in options("attack") if issubclass(_class(option), kind)]


@cache
def _class(option: str) -> type:
    """Return an attack's class, out of its file or of the one it is based on: to compose all of them takes seconds."""
    text = (CONF / "attack" / f"{option}.yaml").read_text()
    if own := re.search(r"_target_: (\S+)", text):
        return get_class(own[1])
    (base,) = re.findall(r"^defaults: \[(\w+), _self_\]", text, flags=re.MULTILINE)
    return _class(base)
