"""What a server serves: a model with its defence, and what it tells of itself."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from privattack.data.images import Shape
from privattack.defences.base import Defence
from privattack.models.remembered import RememberedTarget
from privattack.protocols.base import Array
from privattack.randomness import derive
from privattack.serving.admission import Refusal

# What can be asked for. JSON knows no infinity.
OUTPUTS = {
    "log_probabilities": ("FP32", lambda said: said.clamp(min=torch.finfo(torch.float32).min).float()),
    "probabilities": ("FP32", lambda said: said.exp().float()),
    "label": ("INT64", lambda said: said.argmax(dim=1)),
}


@dataclass(frozen=True)
class Served:
    """A model as clients see it.

    Attributes:
        version: its address in the store.
        seed: decides what is random in the defence's answers.
        most: how many images a request may have.
    """

    name: str
    version: str
    shape: Shape
    classes: int
    model: RememberedTarget
    defence: Defence
    seed: int
    most: int

    def session(self, client: str) -> Defence:
        """Return the defence as a client meets it."""
        return self.defence.session(derive(self.seed, "client", client))

    def metadata(self) -> dict[str, Any]:
        """Return what the protocol wants to be told."""
        outputs = [
            {"name": name, "datatype": kind, "shape": [-1] if name == "label" else [-1, self.classes]}
            for name, (kind, _) in OUTPUTS.items()
        ]
        inputs = [{"name": "images", "datatype": "FP32", "shape": [-1, *self.shape]}]
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": "privattack",
            "inputs": inputs,
            "outputs": outputs,
        }

    def pixels(self, images: Array) -> Float[Tensor, "n c h w"]:
        """Return images as the model takes them, or raise `Refusal`."""
        numbers = int(np.prod(self.shape))
        if images.ndim < 2 or images.shape[1:] not in (self.shape, (numbers,)):
            taken = ", ".join(map(str, self.shape))
            raise Refusal(400, f"images have the shape (n, {taken}) here; this is {images.shape}.")
        if not 1 <= len(images) <= self.most:
            raise Refusal(400, f"a request has 1 to {self.most} images; this has {len(images)}.")
        pixels = torch.from_numpy(images.astype(np.float32)).view(-1, *self.shape)
        if not pixels.isfinite().all():
            raise Refusal(400, "pixels are finite numbers, from 0 to 1.")
        return pixels
