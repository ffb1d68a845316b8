"""The architecture of a target or of shadow models: how a network is built, and what of it a model's address tells."""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from privattack.data.images import Shape
from privattack.errors import UserError
from privattack.models.normalised import Normalised
from privattack.randomness import derive


@dataclass(frozen=True)
class Architecture:
    """What a network is before its training.

    Attributes:
        network: makes an untrained network, from normalised images to logits.
        settings: its class and arguments as the user gave them.
        mean, std: of the data's channels, by which images are normalised.
    """

    network: Callable[[], nn.Module]
    settings: Mapping[str, Any]
    mean: Sequence[float]
    std: Sequence[float]

    def build(self) -> Normalised:
        """Return an untrained network, from pixels in [0, 1] to logits."""
        return Normalised(self.network(), self.mean, self.std)

    def untrained(self, seed: int) -> Normalised:
        """Return a network with the initial weights that follow from `seed`."""
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "target.init"))
            return self.build()

    def address(self, network: Normalised) -> list[Any]:
        """Return what of a trained model's address follows from a network of this architecture.

        Raises:
            UserError: its code is nowhere to be read.
        """
        return [dict(self.settings), source_of(network.network), [*self.mean], [*self.std]]


def asked_for(network: Callable[..., Any], shape: Shape, classes: int) -> dict[str, Any]:
    """Return what of the data a network's class asks for: `classes` or `num_classes`, and `shape` if it wants it.

    A class that hands unnamed settings on is asked what its base classes take. A function that does so, such as
    `torchvision.models.resnet18`, gets `num_classes`.
    """
    names: dict[str, Any] = {}
    for made in getattr(network, "__mro__", (network,)):
        try:
            parameters = inspect.signature(made).parameters
        except (TypeError, ValueError):  # it tells nothing
            break
        names |= parameters
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    else:
        names["num_classes"] = ...
    name = "num_classes" if "num_classes" in names and "classes" not in names else "classes"
    return {name: classes} | ({"shape": shape} if "shape" in names else {})


def source_of(network: nn.Module) -> str:
    """Return a hash of the network's code, its parts' and its base classes' included: edited code is another network.

    Raises:
        UserError: the code is nowhere to be read.
    """
    kinds = {kind for module in network.modules() for kind in type(module).__mro__}
    return code_of(kinds, f"target.network: the code of {type(network).__name__}")


def code_of(made: Iterable[Any], what: str) -> str:
    """Return a hash of the code of classes or functions, PyTorch's and Python's own left out.

    Raises:
        UserError: the code of `what` is nowhere to be read.
    """
    own = sorted(
        (one for one in made if one.__module__.partition(".")[0] not in ("torch", "torchvision", "builtins")),
        key=lambda one: (one.__module__, one.__qualname__),
    )
    try:
        sources = [inspect.getsource(one) for one in own]
    except (OSError, TypeError) as error:
        raise UserError(
            f"{what} cannot be read ({error}), so nobody could tell when it changes; define the class in a file."
        ) from error
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()
