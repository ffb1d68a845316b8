"""The original study's model extraction attack, and two attackers beside it.

The published recipe asks about random images once, and trains a surrogate by squared error on the
log-probabilities of the answers. A loss mismatch is not a defence: where an answer is only a label, the
adaptive attacker trains by cross-entropy, and where it is scores, by KL divergence.
"""

from collections.abc import Sequence

import torch

from privattack.attacks.extraction.base import Asked, Batch, ExtractionAttack
from privattack.data.query_pool import QueryPool
from privattack.defences.base import Reveals
from privattack.models.surrogate import SurrogateTrainer, squared_error
from privattack.randomness import generator


class ModelExtraction(ExtractionAttack):
    """Random queries from the pool, asked once: the start of one permutation per seed."""

    published_loss = staticmethod(squared_error)

    def choose(
        self,
        asked: Sequence[Asked],
        pool: QueryPool,
        surrogates: SurrogateTrainer,
        *,
        reveals: Reveals,
        seeds: Sequence[int],
    ) -> list[Batch]:
        """Return the pool in random order; see the base class."""
        orders = [torch.randperm(len(pool.images), generator=generator(seed, "queries")) for seed in seeds]
        return [Batch.of_pool(pool, order[len(one.images) :]) for one, order in zip(asked, orders, strict=True)]
