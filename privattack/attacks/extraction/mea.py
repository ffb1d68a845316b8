"""The original study's model extraction attack, and two attackers beside it.

The published recipe asks about random images once, and trains a surrogate by squared error on the
log-probabilities of the answers. A loss mismatch is not a defence: where an answer is only a label, the
adaptive attacker trains by cross-entropy, and where it is scores, by KL divergence.
"""

from collections.abc import Sequence

from privattack.attacks.extraction.base import Asked, Batch, ExtractionAttack, Means
from privattack.models.surrogate import squared_error


class ModelExtraction(ExtractionAttack):
    """Random queries from the pool, asked once: the start of one permutation per seed."""

    published_loss = staticmethod(squared_error)

    def choose(self, asked: Sequence[Asked], means: Means) -> list[Batch]:
        """Return the pool in random order; see the base class."""
        orders = zip(asked, means.orders("queries"), strict=True)
        return [Batch.of_pool(means.pool, order[len(one.images) :]) for one, order in orders]
