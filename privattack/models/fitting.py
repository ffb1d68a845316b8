"""The loop by which everything is trained: targets, shadow models and surrogates.

It knows nothing of Lightning: a process that trains one shadow model should not take seconds to start.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from privattack.errors import UserError, why

Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]
Losses = Callable[[Tensor, Tensor], Float[Tensor, " e"]]


class Training:
    """Networks in training, and all that the training needs to go on from the last finished epoch.

    Args:
        network: what is trained: one network, or `e` of them as one.
        optimiser: makes the optimiser of given parameters.
        scheduler: makes what changes the optimiser's learning rate after each epoch.
        as_one: whether the optimiser is given all parameters as one: faster, if it works element by element and has
            no fused form.

    Attributes:
        epoch: how many epochs are finished.
        losses: of the last of them, `(e, steps)`.
        history: a row per epoch, for those who keep one.
        extra: what else a recipe needs to go on, of tensors and plain numbers.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: Callable[[list[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        *,
        as_one: bool = False,
    ) -> None:
        self.network = network
        self.as_one = as_one
        parameters = list(network.parameters())
        self.optimiser = optimiser([_joined(parameters)] if as_one else parameters)
        self.scheduler = None if scheduler is None else scheduler(self.optimiser)
        self.epoch = 0
        self.losses = torch.empty(0)
        self.history: list[dict[str, float]] = []
        self.extra: dict[str, Any] = {}


def fit(
    training: Training,
    batches: Batches,
    losses: Losses,
    *,
    epochs: int,
    before_epoch: Callable[[int], object] = lambda epoch: None,
    after_epoch: Sequence[Callable[[Training], None]] = (),
) -> None:
    """Train up to `epochs` epochs, and leave the networks in eval mode.

    Args:
        batches: goes through an epoch's mini-batches: images, and what is to be learnt of them.
        losses: the networks' losses on a mini-batch. None depends on another's weights, so that the gradient of their
            sum is each one's own.
        before_epoch: is told the number of every epoch, from 0: where dropout gets its seed.
        after_epoch: called in this order after every epoch.
    """
    while training.epoch < epochs:
        training.network.train()
        before_epoch(training.epoch)
        steps = []
        for images, answers in batches(training.epoch):
            loss = _losses(losses, images, answers)
            training.optimiser.zero_grad(set_to_none=not training.as_one)
            loss.sum().backward()
            training.optimiser.step()
            steps.append(loss.detach())
        if training.scheduler is not None:
            training.scheduler.step()
        training.epoch += 1
        training.losses = torch.stack(steps, dim=1)
        for hook in after_epoch:
            hook(training)
    for parameter in training.network.parameters():
        parameter.data, parameter.grad = parameter.data.clone(), None
    training.network.eval()


def _losses(losses: Losses, images: Tensor, answers: Tensor) -> Float[Tensor, " e"]:
    try:
        return losses(images, answers)
    except ValueError as error:
        if images.shape[1] > 1:
            raise
        raise UserError(
            f"batch_size: the last mini-batch has a single image, from which the network cannot learn ({why(error)}); "
            "batch norm needs two: use another batch_size, or another number of images."
        ) from error


def _joined(parameters: Sequence[nn.Parameter]) -> nn.Parameter:
    """Let parameters and their gradients be parts of one, which is returned.

    An optimiser's step is then a few large operations, not as many small ones for each parameter.
    """
    # Matrix products round by where their numbers lie: each part begins where memory of its own would, at 64 bytes.
    sizes = [16 * math.ceil(parameter.numel() / 16) for parameter in parameters]
    whole = nn.Parameter(parameters[0].new_zeros(sum(sizes)))
    whole.grad = torch.zeros_like(whole)
    for parameter, values, gradients in zip(parameters, whole.data.split(sizes), whole.grad.split(sizes), strict=True):
        form = (parameter.size(), parameter.stride(), values.storage_offset())
        parameter.data = values.as_strided(*form).copy_(parameter.data)
        parameter.grad = gradients.as_strided(*form)
    return whole


def bar(description: str, epochs: int, shown: bool) -> list[Callable[[Training], None]]:
    """Return what shows one bar for a whole training after each epoch; nothing where the output is no terminal."""
    if not shown:
        return []
    line = tqdm(
        total=epochs,
        desc=description,
        bar_format="{desc} {percentage:3.0f}% |{bar:30}| epoch {n_fmt}/{total_fmt}, {elapsed}, {remaining} left",
        leave=False,
        disable=None,
    )

    def after_epoch(training: Training) -> None:
        line.update(training.epoch - line.n)
        if training.epoch == epochs:
            line.close()

    return [after_epoch]
