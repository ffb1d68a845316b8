"""LightningDataModules: the target's data, and queries as the service labelled them.

Everything lies in memory, and on the device, from the start: data this small needs no worker
processes and no per-image Python.
"""

from collections.abc import Callable, Iterator, Sequence

import lightning
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from privattack.data.images import LabelledImages, normalise
from privattack.randomness import generator

MiniBatches = Iterator[tuple[Tensor, Tensor]]
STEPS = 16


class Chunks:
    """Feeds mini-batches from tensors in memory, several at a time.

    The Trainer's own work per item is as long as a small network's step. So an item is not a mini-batch
    but an iterator over up to `STEPS` of them, which a training step goes through.

    Args:
        gather: returns the mini-batch at the given places of an order.
        order: places, along the last dimension, in the order in which they are fed.
    """

    def __init__(
        self,
        gather: Callable[[Int64[Tensor, "*e b"]], tuple[Tensor, Tensor]],
        order: Int64[Tensor, "*e n"],
        *,
        batch_size: int,
    ) -> None:
        self.gather = gather
        self.batches = order.split(batch_size, dim=-1)

    def __len__(self) -> int:
        return -(-len(self.batches) // STEPS)

    def __iter__(self) -> Iterator[MiniBatches]:
        for first in range(0, len(self.batches), STEPS):
            yield map(self.gather, self.batches[first : first + STEPS])


class TargetDataModule(lightning.LightningDataModule):
    """The members, in an order of their own in every epoch, and test images to watch the training by.

    Epoch e's order depends on `seed` and e alone, so a training that goes on after a kill sees what
    it would have seen.
    """

    def __init__(
        self,
        members: LabelledImages,
        test: LabelledImages,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
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
        return self._chunks(images, labels, order, self.batch_size)

    def val_dataloader(self) -> Chunks:
        images, labels = self.test
        return self._chunks(images, labels, torch.arange(len(labels)), 2_000)

    @staticmethod
    def _chunks(images: Tensor, labels: Tensor, order: Tensor, batch_size: int) -> Chunks:
        return Chunks(
            lambda places: (images.index_select(0, places), labels[places]),
            order.to(labels.device),
            batch_size=batch_size,
        )


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
        self._rows = torch.arange(len(queries), device=device).unsqueeze(1)
        self.seeds = seeds
        self.batch_size = batch_size

    def train_dataloader(self) -> Chunks:
        epoch = self.trainer.current_epoch if self.trainer else 0
        n = self.queries.shape[1]
        orders = [torch.randperm(n, generator=generator(seed, "order", epoch)) for seed in self.seeds]
        order = torch.stack(orders).to(self.queries.device)
        return Chunks(self._gather, order, batch_size=self.batch_size)

    def _gather(
        self, places: Int64[Tensor, "e b"]
    ) -> tuple[Float[Tensor, "e b 1 28 28"], Float[Tensor, "e b classes"]]:
        # index_select copies whole images, which plain indexing does number by number.
        images = self.images.index_select(0, self.queries.gather(1, places).flatten())
        answers = self.answers.flatten(0, 1).index_select(0, (places + self._rows * self.answers.shape[1]).flatten())
        return images.unflatten(0, places.shape), answers.unflatten(0, places.shape)
