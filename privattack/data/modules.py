"""LightningDataModules: the target's data, and queries as the service labelled them, in ordinary mini-batches.

Everything lies in memory, and a mini-batch is gathered in one go: data this small needs no worker processes. A
`DataLoader` draws a number for them even so: from a generator of its own here, for dropout draws from the common one.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from privattack.data.images import LabelledImages
from privattack.data.orders import MiniBatches, epoch_order
from privattack.data.queries import Queries


class TargetDataModule(LightningDataModule):
    """The members, in an order of their own in every epoch, and test images to watch the training by.

    Mini-batches are pixels in [0, 1] `(b, c, h, w)` and their labels `(b,)`. Where several devices train, each has an
    equal part of every mini-batch.

    Args:
        seed: decides the orders.
    """

    def __init__(self, members: LabelledImages, test: LabelledImages, *, batch_size: int, seed: int) -> None:
        super().__init__()
        self.members = members
        self.test = test
        self.batch_size = batch_size
        self.seed = seed

    def setup(self, stage: str) -> None:
        """Make the images what networks see."""
        self.parts = [TensorDataset(part.pixels(), part.labels) for part in (self.members, self.test)]

    def train_dataloader(self) -> DataLoader:
        share = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        sampler = MiniBatches(self.order, batch_size=self.batch_size, share=share)
        return DataLoader(self.parts[0], sampler=sampler, batch_size=None, generator=torch.Generator())

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.parts[1], batch_size=1_000, generator=torch.Generator())

    def order(self, epoch: int) -> Int64[Tensor, " n"]:
        """Return the places of members in the order of an epoch."""
        return epoch_order(len(self.members), epoch, seeds=[self.seed], stream="target.order")[0]


class QueryDataModule(LightningDataModule):
    """For each of `e` surrogates trained side by side: its queries and the answers that it learns.

    Mini-batches are normalised images `(e, b, c, h, w)` and log-probabilities `(e, b, classes)`.

    Args:
        images: normalised, once for all epochs.
        queries: which of them each surrogate's attacker asked about.
        answers: log-probabilities, one row per query.
        seeds: one per surrogate, for the order of its batches; surrogates of equal seed see the same order.
    """

    def __init__(
        self,
        images: Float[Tensor, "pool c h w"],
        queries: Int64[Tensor, "e n"],
        answers: Float[Tensor, "e n classes"],
        *,
        seeds: Sequence[int],
        batch_size: int,
    ) -> None:
        super().__init__()
        self.data = (images, queries, answers)
        self.seeds = seeds
        self.batch_size = batch_size

    def setup(self, stage: str) -> None:
        """Make the images what networks see."""
        self.queries = Queries(*self.data)

    def train_dataloader(self) -> DataLoader:
        sampler = MiniBatches(self.order, batch_size=self.batch_size)
        return DataLoader(self.queries, sampler=sampler, batch_size=None, generator=torch.Generator())

    def order(self, epoch: int) -> Int64[Tensor, "e n"]:
        """Return the places of queries in the order of an epoch."""
        return epoch_order(len(self.queries), epoch, seeds=self.seeds, stream="order")
