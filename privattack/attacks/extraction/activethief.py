"""ActiveThief (Pal et al. 2020): active learning chooses which images of a pool to ask about.

The paper asks a tenth of the budget at random and the rest in ten equal rounds, and spends a fifth more on validation.
Here rounds grow with what was asked, so that the queries of a small budget are the first of those of a larger one, and
nothing is spent on validation: with the default settings 6,000 queries take eleven rounds after the start. Where the
paper combines k-center with DeepFool's distance to the decision boundary, `both` combines it with uncertainty, which
needs no adversarial example for each image of the pool.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from privattack.attacks.extraction.base import EVERY, Asked, Batch, ExtractionAttack, Means
from privattack.attacks.knowledge import Attackers
from privattack.checks import Count, checked
from privattack.models.surrogate import kl_divergence


@checked
class ActiveThief(ExtractionAttack):
    """Asks about random images first, then in rounds about those that surrogates trained so far tell most about.

    Args:
        strategy: `uncertainty` takes the images of the highest entropy; `k_center` those whose probabilities lie
            farthest from those of all images taken before (Sener & Savarese 2018); `both` shortlists by uncertainty
            and takes from the shortlist by k-center.
        start: how many random images come first, from 1 up.
        growth: how many images a round has, as a share of those asked about before it, above 0.
        shortlist: how many times as many images as the round takes `both` shortlists, from 1 up.

    Raises:
        UserError: a setting is none of these.
    """

    published_loss = staticmethod(kl_divergence)

    def __init__(
        self,
        *,
        attackers: Attackers = EVERY,
        strategy: Literal["uncertainty", "k_center", "both"] = "both",
        start: Count = 100,
        growth: Annotated[float, Field(gt=0, le=1_000)] = 0.5,
        shortlist: Count = 3,
    ) -> None:
        super().__init__(attackers=attackers)
        self.strategy = strategy
        self.start = start
        self.growth = growth
        self.shortlist = shortlist

    def choose(self, asked: Sequence[Asked], means: Means) -> list[Batch]:
        """Return random images at first, then the next round; see the base class."""
        count = len(asked[0].images)
        if count == 0:
            return [Batch.of_pool(means.pool, order[: self.start]) for order in means.orders("activethief.start")]
        if count == len(means.pool.images):
            return [Batch.of_pool(means.pool, torch.empty(0, dtype=torch.int64)) for _ in means.seeds]
        trained = self.guide(asked, means)
        probabilities = trained.predict(means.pool.images.pixels())[0].exp()
        size = max(1, round(self.growth * count))
        return [
            Batch.of_pool(means.pool, self._select(one, before.places, size))
            for one, before in zip(probabilities, asked, strict=True)
        ]

    def _select(
        self, probabilities: Float[Tensor, "pool classes"], asked: Int64[Tensor, " n"], size: int
    ) -> Int64[Tensor, " chosen"]:
        unasked = torch.ones(len(probabilities), dtype=torch.bool).index_fill(0, asked, False).nonzero().flatten()
        if self.strategy != "k_center":
            entropy = torch.special.entr(probabilities[unasked]).sum(dim=1)
            kept = size if self.strategy == "uncertainty" else self.shortlist * size
            unasked = unasked[entropy.argsort(descending=True, stable=True)[:kept]]
        if self.strategy != "uncertainty":
            unasked = unasked[k_center(probabilities[unasked], probabilities[asked], size)]
        return unasked


def k_center(points: Float[Tensor, "n d"], centres: Float[Tensor, "m d"], count: int) -> Int64[Tensor, " chosen"]:
    """Return which points become centres, in order: each the farthest from all centres before it (Euclidean).

    Args:
        centres: those to start from, one or more.
        count: how many to add; all the points where there are fewer.
    """
    exact = "donot_use_mm_for_euclid_dist"  # products lose the small distances, of which late rounds have most
    parts = [torch.cdist(points, part, compute_mode=exact).amin(dim=1) for part in centres.split(1_000)]
    distances = torch.stack(parts).amin(dim=0)
    chosen = []
    for _ in range(min(count, len(points))):
        farthest = int(distances.argmax())
        chosen.append(farthest)
        distances = distances.minimum((points - points[farthest]).norm(dim=1))
        distances[farthest] = -1  # so that points that coincide with centres are taken only once
    return torch.tensor(chosen, dtype=torch.int64)
