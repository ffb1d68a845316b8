"""The order in which a training sees its data: another one in every epoch, which follows from seed and epoch alone."""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.utils.data import Sampler

from privattack.randomness import generator


def epoch_order(count: int, epoch: int, *, seeds: Sequence[int], stream: str) -> Int64[Tensor, "e n"]:
    """Return for each seed the places from 0 to `count` in the order of an epoch; `stream` names what is ordered."""
    return torch.stack([torch.randperm(count, generator=generator(seed, stream, epoch)) for seed in seeds])


class MiniBatches(Sampler[Int64[Tensor, "*e b"]]):
    """Yields the places of one mini-batch after the other: the sampler of a `DataLoader` with `batch_size=None`.

    Lightning tells the epoch to whatever has `set_epoch`, so that a training which goes on after a kill sees what it
    would have seen.

    Args:
        order: returns the places, along the last dimension, in the order of an epoch.
        share: which of how many equal parts of each mini-batch is yielded, each by a process of its own. Where a
            mini-batch has no such parts, it is filled up with its first images.
    """

    def __init__(
        self, order: Callable[[int], Int64[Tensor, "*e n"]], *, batch_size: int, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.order = order
        self.batch_size = batch_size
        self.share = share
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.order(0).shape[-1] // self.batch_size)

    def __iter__(self) -> Iterator[Int64[Tensor, "*e b"]]:
        # The order is asked for as late as can be: a Trainer that resumes begins to iterate before it tells the epoch.
        part, parts = self.share
        for places in self.order(self.epoch).split(self.batch_size, dim=-1):
            count = places.shape[-1]
            yield places[..., torch.arange(part, parts * math.ceil(count / parts), parts) % count]
