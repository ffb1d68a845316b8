"""Jacobian-based data set augmentation: a few images of one's own, and many made of them by gradients.

The attack is Papernot et al. 2017, "Practical black-box attacks against machine learning" (algorithm 1); that a random
sample gives new images once there are many, instead of all, comes from Papernot et al. 2016, "Transferability in
machine learning". The targeted variant is T-RND of Juuti et al. 2019, "PRADA: protecting against DNN model stealing
attacks", with one step per image (FGSM), not its iterated form. The papers train surrogates further from
round to round; here they learn anew from all answers.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from privattack.attacks.extraction.base import EVERY, NONE, Asked, Batch, ExtractionAttack, Means
from privattack.attacks.knowledge import Attackers
from privattack.checks import Count, PositiveShare, checked
from privattack.data.query_pool import QueryPool
from privattack.errors import UserError
from privattack.models.surrogate import Surrogates, cross_entropy
from privattack.randomness import generator


@checked
class JacobianAugmentation(ExtractionAttack):
    """Asks about random images of the pool, then in rounds about images made of those asked about before.

    Each round trains surrogates F on all answers. An image x that the service calls c gives
    clip(x + step sign(dF_c/dx)), or with targets, for each of some random other classes t,
    clip(x + step sign(dF_t/dx)). The attackers' own label of a made image is that of the image it is made of.

    Args:
        start: how many random images of the pool come first.
        step: how far each pixel is moved; lambda in the papers.
        targets: towards how many classes, at most all others, an image is moved; None moves it along the class that
            the service names.
        doublings: how many rounds make as many images as were asked about before them.
        reservoir: how many images each round after those makes.

    Raises:
        UserError: a setting cannot work.
    """

    published_loss = staticmethod(cross_entropy)

    def __init__(
        self,
        *,
        attackers: Attackers = EVERY,
        start: Count = 150,
        step: PositiveShare = 0.1,
        targets: Count | None = None,
        doublings: Annotated[int, Field(ge=0, le=10_000)] = 6,
        reservoir: Count = 400,
    ) -> None:
        super().__init__(attackers=attackers)
        self.start = start
        self.step = step
        self.targets = targets
        self.doublings = doublings
        self.reservoir = reservoir
        self.least_budget = start

    def check(self, pool: QueryPool, *, budget: int) -> None:
        """Refuse a budget or a pool without room for the first images; what a budget has above the pool is made.

        Raises:
            UserError: the budget or the pool is smaller than `start`.
        """
        if len(pool.images) < self.start:
            raise UserError(
                f"attack.start={self.start}: the query pool has {len(pool.images)} images; use as many or fewer."
            )
        super().check(pool, budget=min(budget, len(pool.images)))

    def choose(self, asked: Sequence[Asked], means: Means) -> list[Batch]:
        """Return random images of the pool at first, then images made of those asked about; see the base class."""
        count = len(asked[0].images)
        if count == 0:
            return [Batch.of_pool(means.pool, order[: self.start]) for order in means.orders("jbda.start")]
        size = count if count < self.start * 2**self.doublings else self.reservoir
        randoms = [generator(seed, "jbda.round", count) for seed in means.seeds]
        plans = [self._plan(one, size, random) for one, random in zip(asked, randoms, strict=True)]
        images = towards(
            self.guide(asked, means),
            torch.stack([parents.images for parents, _ in plans]),
            torch.stack([classes for _, classes in plans]),
            self.step,
        )
        return [replace(parents, images=made) for made, (parents, _) in zip(images, plans, strict=True)]

    def _plan(self, asked: Asked, size: int, random: torch.Generator) -> tuple[Batch, Int64[Tensor, " size"]]:
        """Return the images that new ones are made of, and the class towards which each is moved."""
        labels = asked.responses.argmax(dim=1)
        places = torch.randperm(len(labels), generator=random)
        if self.targets is None:
            places = places[:size]
            classes = labels[places]
        else:
            count = asked.responses.shape[1]
            variants = min(self.targets, count - 1)
            parents = places[: math.ceil(size / variants)]
            others = torch.rand(len(parents), count, generator=random).scatter(1, labels[parents].unsqueeze(1), -1)
            # Each image is moved towards one class before any is moved towards a second.
            places = parents.repeat(variants)[:size]
            classes = others.topk(variants).indices.T.flatten()[:size]
        return Batch(asked.images[places], asked.own_labels[places], torch.full_like(places, NONE)), classes


def towards(
    surrogates: Surrogates,
    images: Float[Tensor, "repetitions n c h w"],
    classes: Int64[Tensor, "repetitions n"],
    step: float,
) -> Float[Tensor, "repetitions n c h w"]:
    """Return images changed by one step in each pixel, in [0, 1], so that surrogates find the given classes likelier.

    The sign of a probability's gradient is that of its logarithm's, which does not vanish where a surrogate is sure.

    Args:
        surrogates: of one lesson, one per repetition.
    """
    parts = []
    for batch, named in zip(images.split(1_000, dim=1), classes.split(1_000, dim=1), strict=True):
        pixels = batch.unsqueeze(0).clone().requires_grad_(True)
        answers = surrogates(pixels)[0]
        chosen = answers.gather(2, named.unsqueeze(2).to(answers.device))
        (gradient,) = torch.autograd.grad(chosen.sum(), pixels)
        parts.append((batch + step * gradient[0].sign()).clamp(0, 1))
    return torch.cat(parts, dim=1)
