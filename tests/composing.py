"""What `conf/` offers, composed as the command line composes it."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.utils import get_class
from omegaconf import DictConfig, open_dict

from privattack.make import make

CONF = Path(__file__).parents[1] / "conf"


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
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", overrides=list(overrides), return_hydra_config=True)
    hydra = config.hydra
    with open_dict(config):
        del config["hydra"]
    return config, hydra


def made(group: str, *overrides: str) -> Any:
    """Return what these settings say that `group` is."""
    return make(composed(*overrides), group, object)


def attacks(kind: type) -> list[str]:
    """Return the options of `attack` that are of a kind."""
    return [option for option in options("attack") if issubclass(_class(option), kind)]


def _class(option: str) -> type:
    found = get_class(composed(f"attack={option}").attack._target_)
    assert isinstance(found, type)
    return found
