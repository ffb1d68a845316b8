"""Faster ways to compute the same, up to rounding and, where compiled, dropout's masks.

Which of them pay on a device, `tests/benchmarks/gpu.py` measures.

`compile` has PyTorch compile the networks, `graphs` has it record them as CUDA graphs, too; `products` computes the
convolutions of networks that train as one by batched matrix products in place of grouped convolutions.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from privattack.errors import UserError, shown, why

Lever = Literal["compile", "graphs", "products"]


class ProductConv2d(nn.Conv2d):
    """A convolution as one matrix product, of the patches of all images."""

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o i j"]:
        assert isinstance(self.padding, tuple)
        patches = F.unfold(images, self.kernel_size, self.dilation, self.padding, self.stride)
        answers = torch.einsum("ok,nkp->nop", self.weight.flatten(1), patches)
        if self.bias is not None:
            answers = answers + self.bias.unsqueeze(1)
        reach = self.dilation[0] * (self.kernel_size[0] - 1) + 1
        return answers.unflatten(2, ((images.shape[2] + 2 * self.padding[0] - reach) // self.stride[0] + 1, -1))


def by_products(network: nn.Module) -> None:
    """Have a network's plain convolutions computed as matrix products from here on; its weights stay as they are."""
    for part in network.modules():
        plain = type(part) is nn.Conv2d and part.groups == 1 and part.padding_mode == "zeros"
        if plain and isinstance(part.padding, tuple):
            part.__class__ = ProductConv2d


def compiled(network: nn.Module, levers: Sequence[Lever]) -> Callable[[Tensor], Tensor]:
    """Return what computes a network's logits, compiled where a lever says so.

    Raises:
        UserError: when called, where PyTorch cannot compile it here.
    """
    if not {"compile", "graphs"} & {*levers}:
        return network
    from torch._dynamo.exc import TorchDynamoException  # takes a second, which others need not

    called = torch.compile(network, mode="reduce-overhead" if "graphs" in levers else None)

    def logits(images: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        try:
            return called(images).clone()  # the next step of a graph overwrites its answers
        except TorchDynamoException as error:
            raise UserError(
                f"trainer.levers={shown([*levers])}: {type(network).__name__} cannot be compiled here ({why(error)}); "
                "leave compile and graphs out."
            ) from error

    return logits
