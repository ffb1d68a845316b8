"""Networks of one architecture as one module: images `(e, n, c, h, w)` to logits `(e, n, classes)`."""

import copy
from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from privattack.models.levers import by_products
from privattack.models.normalised import Normalised


class SideBySide(nn.Module):
    """`e` networks of any kind, one after the other: these very networks, not copies."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, images: Float[Tensor, "e n c h w"]) -> Float[Tensor, "e n classes"]:
        return torch.stack([network(part) for network, part in zip(self.networks, images, strict=True)])


class StackedLinear(nn.Module):
    """`e` linear layers side by side: `(e, n, inputs)` to `(e, n, outputs)`."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]).contiguous())
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]).unsqueeze(1))

    def forward(self, inputs: Float[Tensor, "e n inputs"]) -> Float[Tensor, "e n outputs"]:
        return torch.baddbmm(self.bias, inputs, self.weight)


class Perceptrons(nn.Module):
    """Copies of `e` multi-layer perceptrons: one batched matrix product in place of many products."""

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

    def forward(self, images: Float[Tensor, "e n c h w"]) -> Float[Tensor, "e n classes"]:
        return self.layers(images)


class Vectorised(nn.Module):
    """Copies of `e` networks of any kind as one function of stacked weights: fast on a GPU, slow on a CPU.

    Args:
        products: whether convolutions are batched matrix products, in place of grouped convolutions.

    Raises:
        RuntimeError: when called, where the networks' code cannot be vectorised.
    """

    def __init__(self, networks: Sequence[nn.Module], *, products: bool = False) -> None:
        super().__init__()
        weights, self.buffers_ = stack_module_state([network.train() for network in networks])
        self.names = list(weights)  # they have dots, which a module's own parameters may not have
        self.weights = nn.ParameterList(weights.values())
        # Holds no weights: only the way from weights and images to logits.
        self.skeleton = (copy.deepcopy(networks[0]).to("meta"),)  # in a tuple, so that it is no part of this module
        if products:
            by_products(self.skeleton[0])

        def logits(weights: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
            return functional_call(self.skeleton[0], (weights, buffers), (images,))

        self._logits = vmap(logits, randomness="different")

    def forward(self, images: Float[Tensor, "e n c h w"]) -> Float[Tensor, "e n classes"]:
        return self._logits(dict(zip(self.names, self.weights, strict=True)), self.buffers_, images)

    def copy_to(self, networks: Sequence[nn.Module]) -> None:
        """Give the networks the weights and buffers (such as the running means of a batch norm) that they have here."""
        weights = dict(zip(self.names, self.weights, strict=True))
        for number, network in enumerate(networks):
            own = {name: values[number].detach() for name, values in (weights | self.buffers_).items()}
            network.load_state_dict(own, strict=False)
            network.eval()


def stack(networks: Sequence[nn.Module]) -> nn.Module:
    """Return networks of one architecture as one module that is fast on a CPU; normalised ones, normalised as one.

    Perceptrons (an `nn.Sequential` of `Flatten`, `Linear` with bias and `ReLU`) become batched matrix products;
    stacked convolutions are slower than a loop on a CPU, so all others stay a loop.
    """
    if all(isinstance(network, Normalised) for network in networks):
        alike = cast(Sequence[Normalised], networks)
        mean, std = (part.flatten().tolist() for part in (alike[0].mean, alike[0].std))
        return Normalised(stack([network.network for network in alike]), mean, std)
    perceptrons = all(
        isinstance(network, nn.Sequential)
        and type(network).forward is nn.Sequential.forward
        and all(
            isinstance(layer, nn.Flatten | nn.ReLU) or (isinstance(layer, nn.Linear) and layer.bias is not None)
            for layer in network
        )
        for network in networks
    )
    return Perceptrons(cast(Sequence[nn.Sequential], networks)) if perceptrons else SideBySide(networks)
