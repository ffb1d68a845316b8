"""LightningDataModules: the target's data, and queries as the service labelled them.

Everything lies in memory, and on the device, from the start: data this small needs no worker
processes and no per-image Python.
"""

from collections.abc import Iterator, Sequence

import lightning
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from privattack.data.images import LabelledImages, normalise
from privattack.randomness import generator


class Chunks:
    """Feeds tensors that lie in memory, several mini-batches at a time, in a given order.

    The Trainer's own work per item is as long as a small network's step. So an item is a chunk of
    `size` images, and the training step splits it into mini-batches.
    """

    def __init__(self, tensors: Sequence[Tensor], order: Int64[Tensor, " n"], *, size: int) -> None:
        self.tensors = tensors
        self.order = order
        self.size = size

    def __len__(self) -> int:
        return -(-len(self.order) // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        for indices in self.order.split(self.size):
            yield tuple(tensor[indices] for tensor in self.tensors)


class TargetDataModule(lightning.LightningDataModule):
    """The members, in an order of their own in every epoch, and test images to watch the training by.

    Epoch e's order depends on `seed` and e alone, so a training that goes on after a kill sees what
    it would have seen.
    """

    def __init__(
        self, members: LabelledImages, test: LabelledImages, *, batch_size: int, seed: int, device: torch.device
    ) -> None:
        super().__init__()
        self.members = (normalise(members.pixels().to(device)), members.labels.to(device))
        self.test = (normalise(test.pixels().to(device)), test.labels.to(device))
        self.batch_size = batch_size
        self.seed = seed

    def train_dataloader(self) -> Chunks:
        epoch = self.trainer.current_epoch if self.trainer else 0
        images, labels = self.members
        order = torch.randperm(len(labels), generator=generator(self.seed, "target.order", epoch))
        return Chunks((images, labels), order.to(labels.device), size=16 * self.batch_size)

    def val_dataloader(self) -> Chunks:
        images, labels = self.test
        return Chunks((images, labels), torch.arange(len(labels), device=labels.device), size=2_000)


class QueryDataModule(lightning.LightningDataModule):
    """For each of e surrogates trained side by side: its queries and the answers it learns from.

    Args:
        pixels: the images of the query pool, in [0, 1].
        queries: the indices into `pixels` that each surrogate's attacker asked for.
        answers: what each surrogate is to learn: log-probabilities, one row per query.
        seeds: a seed per surrogate for the order of its batches; surrogates of equal seed see the
            same order, as if each were trained alone.
    """

    def __init__(
        self,
        pixels: Float[Tensor, "pool 1 28 28"],
        queries: Int64[Tensor, "e n"],
        answers: Float[Tensor, "e n classes"],
        *,
        seeds: Sequence[int],
        batch_size: int,
        device: torch.device,
    ) -> None:
        super().__init__()
        self.images = normalise(pixels.to(device))
        self.queries = queries.to(device)
        self.answers = answers.to(device)
        self.seeds = seeds
        self.batch_size = batch_size

    def train_dataloader(self) -> "QueryChunks":
        epoch = self.trainer.current_epoch if self.trainer else 0
        n = self.queries.shape[1]
        orders = [torch.randperm(n, generator=generator(seed, "order", epoch)) for seed in self.seeds]
        return QueryChunks(self, torch.stack(orders).to(self.queries.device))


class QueryChunks:
    """One epoch of a `QueryDataModule`: chunks of images `(e, m, 1, 28, 28)` and answers `(e, m, classes)`."""

    def __init__(self, data: QueryDataModule, order: Int64[Tensor, "e n"]) -> None:
        self.data = data
        self.order = order
        self.size = 16 * data.batch_size

    def __len__(self) -> int:
        return -(-self.order.shape[1] // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        surrogate = torch.arange(len(self.order), device=self.order.device).unsqueeze(1)  # e 1
        for places in self.order.split(self.size, dim=1):  # e m
            yield self.data.images[self.data.queries[surrogate, places]], self.data.answers[surrogate, places]
