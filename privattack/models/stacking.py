"""Many small networks as one: the same arithmetic, one batched matrix product in place of many products."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn


class StackedLinear(nn.Module):
    """`e` linear layers side by side: inputs `(e, n, in)` to outputs `(e, n, out)`."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]).contiguous())
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]).unsqueeze(1))

    def forward(self, inputs: Float[Tensor, "e n in"]) -> Float[Tensor, "e n out"]:
        return torch.baddbmm(self.bias, inputs, self.weight)


class Stacked(nn.Module):
    """`e` multi-layer perceptrons as one: images `(e, n, 1, 28, 28)` to logits `(e, n, classes)`."""

    def __init__(self, networks: Sequence[nn.Sequential]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for alike in zip(*networks, strict=True):
            if isinstance(alike[0], nn.Linear):
                layers.append(StackedLinear(cast(Sequence[nn.Linear], alike)))
            elif isinstance(alike[0], nn.Flatten):
                layers.append(nn.Flatten(start_dim=2))
            else:
                layers.append(alike[0])
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Float[Tensor, "e n 1 28 28"]) -> Float[Tensor, "e n classes"]:
        return self.layers(images)


class SideBySide(nn.Module):
    """`e` networks of any kind, one after the other: the same interface as `Stacked`, without its speed."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, images: Float[Tensor, "e n 1 28 28"]) -> Float[Tensor, "e n classes"]:
        return torch.stack([network(part) for network, part in zip(self.networks, images, strict=True)])


def stack(networks: Sequence[nn.Module]) -> Stacked | SideBySide:
    """Return networks of one architecture as one module, with their weights.

    Perceptrons (an `nn.Sequential` of `Flatten`, `Linear` with bias and `ReLU`) become batched matrix products;
    stacked convolutions are slower than a loop on a CPU, so all others stay a loop.
    """
    perceptrons = all(
        isinstance(network, nn.Sequential)
        and type(network).forward is nn.Sequential.forward
        and all(
            isinstance(layer, nn.Flatten | nn.ReLU) or (isinstance(layer, nn.Linear) and layer.bias is not None)
            for layer in network
        )
        for network in networks
    )
    return Stacked(cast(Sequence[nn.Sequential], networks)) if perceptrons else SideBySide(networks)
