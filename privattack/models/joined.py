"""Surrogates that were trained in several ways, as if they were of one training."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from privattack.models.surrogate import Surrogates


class Joined(Surrogates):
    """The lessons of several trainings of the same repetitions, in their order.

    Of final losses, each training's last mini-batches count, as many as all have.
    """

    def __init__(self, parts: Sequence[Surrogates]) -> None:
        self.parts = parts
        self.history = [
            {name: value for row in rows for name, value in row.items()}
            for rows in zip(*(part.history for part in parts), strict=True)
        ]
        batches = min(part.final_losses.shape[2] for part in parts)
        self.final_losses = torch.cat([part.final_losses[:, :, -batches:] for part in parts])
        self._sizes = [len(part.final_losses) for part in parts]

    def predict(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "lessons repetitions n classes"]:
        """Return log-probabilities of every surrogate for every image; see the base class."""
        return torch.cat([part.predict(pixels) for part in self.parts])

    def __call__(
        self, images: Float[Tensor, "lessons repetitions n c h w"]
    ) -> Float[Tensor, "lessons repetitions n classes"]:
        """Return each surrogate's log-probabilities for images of its own; see the base class."""
        return torch.cat([part(some) for part, some in zip(self.parts, images.split(self._sizes), strict=True)])

    def model(self, lesson: int, repetition: int) -> Callable[[Tensor], Tensor]:
        """Return one surrogate; see the base class."""
        return lambda pixels: self.predict(pixels)[lesson, repetition]
