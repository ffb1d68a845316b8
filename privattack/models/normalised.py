"""The one place where images are normalised: between the pixels that everybody speaks of and a network."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Normalised(nn.Module):
    """A network that takes pixels in [0, 1]: the data's mean and standard deviation are taken out first.

    They are no part of the state dict. Weights that are kept, and weights that users bring, are those of `network`.

    Args:
        network: maps normalised images to logits.
        mean, std: a number per channel, or one for all.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def normalised(self, pixels: Float[Tensor, "*batch c h w"]) -> Float[Tensor, "*batch c h w"]:
        """Return images as `network` takes them."""
        # Pixels that networks side by side share lie in memory once, and are normalised once.
        once = pixels[:1] if pixels.stride(0) == 0 else pixels
        return (once - self.mean).div_(self.std).expand_as(pixels)

    def forward(self, pixels: Float[Tensor, "*batch c h w"]) -> Float[Tensor, "*batch classes"]:
        return self.network(self.normalised(pixels))
