"""The architecture of a target or of shadow models: how a network is built, and what of it a model's address tells."""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
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
    """Return what of the data a network's class asks for: `classes` or `num_classes`, and `shape` if it wants it."""
    try:
        parameters = inspect.signature(network).parameters
    except (TypeError, ValueError):  # it tells nothing
        return {"classes": classes}
    name = "num_classes" if "num_classes" in parameters and "classes" not in parameters else "classes"
    return {name: classes} | ({"shape": shape} if "shape" in parameters else {})


def source_of(network: nn.Module) -> str:
    """Return a hash of the network's code, its parts' and its base classes' included: edited code is another network.

    Raises:
        UserError: the code is nowhere to be read.
    """
    kinds = {kind for module in network.modules() for kind in type(module).__mro__}
    own = sorted(
        (kind for kind in kinds if kind.__module__.partition(".")[0] not in ("torch", "torchvision", "builtins")),
        key=lambda kind: (kind.__module__, kind.__qualname__),
    )
    try:
        sources = [inspect.getsource(kind) for kind in own]
    except (OSError, TypeError) as error:
        raise UserError(
            f"target.network: the code of {type(network).__name__} cannot be read ({error}), so nobody could tell when "
            "it changes; define the class in a file."
        ) from error
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()
