"""What a place in the settings names by its `_target_`, made, with errors that say where in the settings they lie."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from privattack.data.images import Shape
from privattack.errors import SettingError, UserError, why
from privattack.models.dry_run import dry_run

Kind = TypeVar("Kind")


def make(config: DictConfig, place: str, kind: type[Kind], **arguments: Any) -> Kind:
    """Make what stands at a place of the settings.

    Args:
        place: such as `defence`.
        kind: the class of what is to be made.
        arguments: what the class takes beside its settings.

    Raises:
        UserError: the class cannot be imported, or does not take these settings; or it is of another kind.
    """
    node = OmegaConf.select(config, place)
    try:
        made = instantiate(node, _convert_="all", **arguments)
    except InstantiationException as error:
        raise _refusal(error, place) from error
    if not isinstance(made, kind):
        raise UserError(
            f"{place}._target_={node._target_}: makes a {type(made).__name__}; name a class or a function that makes a "
            f"{kind.__name__}."
        )
    return made


def named(config: DictConfig, place: str) -> Any:
    """Return the class or function that a place names; None where it cannot be imported, and `make` says why."""
    try:
        return get_object(OmegaConf.select(config, place)._target_)
    except (ImportError, ValueError):
        return None


def check_network(config: DictConfig, place: str, build: Callable[[], object], shape: Shape, classes: int) -> None:
    """Refuse a network of the user's own that cannot classify the images, before anything is trained.

    Raises:
        UserError: it cannot be built, or gives two images no logits of every class, in training or after it.
    """
    setting = f"{place}._target_={OmegaConf.select(config, place)._target_}"
    needs = "it needs to be a class or a function that makes an untrained network with weights"
    with torch.random.fork_rng():
        try:
            network = build()
        except UserError:
            raise
        except Exception as error:  # whatever the user's class raises
            raise UserError(f"{setting}: cannot be built ({why(error)}); {needs}.") from error
    if not isinstance(network, nn.Module) or not any(True for _ in network.parameters()):
        raise UserError(f"{setting}: makes a {type(network).__name__}; {needs}.")
    for training in (True, False):
        dry_run(network.train(training), torch.zeros(2, *shape), classes=classes, setting=setting)


def _refusal(error: InstantiationException, place: str) -> UserError:
    """Say why Hydra could not make what a `_target_` names."""
    text, cause = str(error), error.__cause__
    while cause is not None and cause.__cause__ is not None and not isinstance(cause, UserError):
        cause = cause.__cause__
    if found := re.search(r"full_key: (\S+)", text):
        place = found.group(1)
    if isinstance(cause, SettingError):
        return cause.under(place)
    if isinstance(cause, UserError):
        return cause
    # Where an import failed, the first line only says so.
    reason = [type(cause).__name__, *str(cause).splitlines()][: 3 if "Error locating" in text else 2][-1]
    target = re.search(r"target '([^']*)'", text)
    name = f"{place}._target_={target.group(1) if target else ''}"
    if "Error in" in text:
        return UserError(f"{name}: does not take the settings under {place} ({reason}); use those that it takes.")
    remedy = "name a class on the Python path, such as privattack.models.networks.LeNet"
    return UserError(f"{name}: cannot be imported ({reason}); {remedy}.")
