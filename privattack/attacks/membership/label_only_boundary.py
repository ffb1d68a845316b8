"""Membership by the distance to the decision boundary, from labels alone.

The score is Choquette-Choo et al. 2021, "Label-only membership inference attacks", section 3.4, and Li & Zhang 2021,
"Membership leakage in label-only exposures", section 4; the search is HopSkipJump (Chen, Jordan & Wainwright 2020,
algorithm 2, L2, untargeted).
"""

import math
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from pydantic import Field
from torch import Tensor

from privattack.attacks.membership.shadow import Ask, Auxiliary, ScoreAttack, ShadowModel
from privattack.attacks.membership.signals import Scores
from privattack.checks import Length, checked
from privattack.data.images import digests
from privattack.errors import SettingError
from privattack.randomness import generator

TINY = 1e-12  # below every norm but zero
IMAGES_AT_ONCE = 50  # each with some hundred points around it in memory


@checked
class LabelOnlyBoundary(ScoreAttack):
    """Scores an image by its L2 distance to the nearest known point that the model calls something else.

    Args:
        queries: how many queries each candidate takes at most.
        initial_gradient_queries: how many of them the first estimate of a gradient takes; the t-th takes sqrt(t)
            times as many.
        theta: how near to the boundary a binary search ends, as a share of its length. The paper's
            (c h w)^(-3/2), 4.6e-5 for 1x28x28, takes 15 queries each time, for which a few hundred leave no room.

    Raises:
        UserError: `queries` are too few for one round.
    """

    name = "label_only_boundary"
    least_shadows = 2

    def __init__(
        self,
        *,
        queries: Length = 500,
        initial_gradient_queries: Annotated[int, Field(ge=2, le=1_000_000)] = 25,
        theta: Annotated[float, Field(ge=1e-6, le=0.5)] = 0.01,
    ) -> None:
        least = 2 + 2 * _halvings(theta) + initial_gradient_queries
        if not queries >= least:
            raise SettingError({"queries": queries}, f"one round of the search takes {least}; set it to that or more")
        self.queries = queries
        self.initial_gradient_queries = initial_gradient_queries
        self.theta = theta
        self._rehearsed: dict[tuple[ShadowModel, int], Scores] = {}

    def observe(self, ask: Ask, auxiliary: Auxiliary, *, seed: int) -> Scores:
        """Ask for the candidates' distances."""
        return boundary_distances(
            ask,
            auxiliary.candidates.pixels(),
            auxiliary.candidates.labels,
            queries=self.queries,
            initial_gradient_queries=self.initial_gradient_queries,
            theta=self.theta,
            seed=seed,
        )

    def rehearse(self, shadow: ShadowModel, auxiliary: Auxiliary, *, seed: int) -> Scores:
        """Return what `observe` would, were `shadow` the target: searched for once, as many targets share it."""
        if (shadow, seed) not in self._rehearsed:
            self._rehearsed = {(shadow, seed): self.observe(shadow.ask, auxiliary, seed=seed)}
        return self._rehearsed[shadow, seed]

    def score(self, observed: Scores, auxiliary: Auxiliary) -> Scores:
        """Return the distances; see the base class."""
        return observed


def boundary_distances(
    ask: Ask,
    images: Float[Tensor, "n c h w"],
    labels: Int64[Tensor, " n"],
    *,
    queries: int,
    initial_gradient_queries: int = 25,
    theta: float = 0.01,
    seed: int,
) -> Float64[np.ndarray, " n"]:
    """Return upper bounds of the L2 distances from images to the nearest pixels in [0, 1] with another answer.

    Each is the distance of a point that the model was asked about and gave another label than the true one. An image
    that itself gets another label has the distance 0. A search starts from the nearest of the other images that got
    another label; where there is none, the distance is the diagonal of all images, 28 for 1x28x28. More queries never
    give a larger distance.

    Args:
        ask: of its answers, only the winning class is used.
        queries: how many of them each image takes at most, the first, for itself, counted.
        initial_gradient_queries, theta: see `LabelOnlyBoundary`.
        seed: an image's random directions follow from it and the image, whatever the others are.
    """
    answered = ask(images).argmax(dim=1)
    flat = images.flatten(1)
    distances = torch.zeros(len(images), dtype=torch.float64)
    for part in (answered == labels).nonzero().flatten().split(IMAGES_AT_ONCE):
        gaps = torch.cdist(flat[part], flat).masked_fill(answered == labels[part, None], math.inf)
        distances[part] = math.sqrt(flat.shape[1])
        has_start = gaps.isfinite().any(dim=1)
        if has_start.any():
            who, starts = part[has_start], flat[gaps[has_start].argmin(dim=1)]
            search = _Search(ask, images[who], labels[who], starts, queries=queries - 1, theta=theta, seed=seed)
            distances[who] = search.run(initial_gradient_queries)
    return distances.numpy()


class _Search:
    """HopSkipJump for k images at once, each with a count of queries and a point beyond the boundary of its own.

    `who` says which of them a step is about. Points are rows of c h w numbers.
    """

    def __init__(
        self,
        ask: Ask,
        images: Float[Tensor, "k c h w"],
        labels: Int64[Tensor, " k"],
        starts: Float[Tensor, "k numbers"],
        *,
        queries: int,
        theta: float,
        seed: int,
    ) -> None:
        self.ask = ask
        self.shape = images.shape[1:]
        self.images = images.flatten(1)
        self.labels = labels
        self.points = starts.clone()
        self.distances = _norms(starts - self.images)
        self.radii = torch.zeros(len(images))
        self.left = torch.full((len(images),), queries)
        self.theta = theta
        self.halvings = _halvings(theta)
        names = digests(images)
        self.random = [generator(seed, "boundary", name.hex()) for name in names]

    def run(self, initial_gradient_queries: int) -> Float64[Tensor, " k"]:
        """Return the smallest distances of points found beyond the boundary."""
        who, round_number = torch.arange(len(self.images)), 0
        while len(who := who[self.left[who] >= self.halvings]):
            self.approach(who)
            round_number += 1
            directions = int(initial_gradient_queries * math.sqrt(round_number))
            # A gradient and a leap gain nothing without the approach that follows.
            who = who[self.left[who] > directions + self.halvings]
            if len(who):
                self.leap(who, self.gradient(who, directions), round_number)
        return self.distances

    def approach(self, who: Int64[Tensor, " m"]) -> None:
        """Move points towards their images, as far as they stay beyond the boundary, by binary search (algorithm 1)."""
        images, starts = self.images[who], self.points[who]
        # The width of what the search leaves open, sqrt(c h w) times: a random direction is as far across it.
        self.radii[who] = math.sqrt(images.shape[1]) * self.theta * (starts - images).norm(dim=1)
        low, high = torch.zeros(len(who), 1), torch.ones(len(who), 1)
        for _ in range(self.halvings):
            middle = (low + high) / 2
            crossed = self.crossed(who, images.lerp(starts, middle).unsqueeze(1))
            low, high = torch.where(crossed, low, middle), torch.where(crossed, middle, high)
        self.points[who] = images.lerp(starts, high)

    def gradient(self, who: Int64[Tensor, " m"], directions: int) -> Float[Tensor, "m numbers"]:
        """Return unit vectors that lead across the boundary, by Monte Carlo with a baseline (section III.C)."""
        centres = self.points[who].unsqueeze(1)
        noise = torch.stack(
            [torch.randn(directions, centres.shape[2], generator=self.random[number]) for number in who]
        )
        noise *= self.radii[who, None, None] / noise.norm(dim=2, keepdim=True)
        points = noise.add_(centres).clamp_(0, 1)
        signs = 2.0 * self.crossed(who, points) - 1
        means = signs.mean(dim=1, keepdim=True)
        # Where all agree, the baseline would leave nothing.
        weights = torch.where(means.abs() < 1, signs - means, signs)
        sums = torch.einsum("mb,mbp->mp", weights, points - centres)
        return sums / sums.norm(dim=1, keepdim=True).clamp_min(TINY)

    def leap(self, who: Int64[Tensor, " m"], ahead: Float[Tensor, "m numbers"], round_number: int) -> None:
        """Move points ahead, by steps that are halved until they end beyond the boundary."""
        steps = ahead * (self.points[who] - self.images[who]).norm(dim=1, keepdim=True) / math.sqrt(round_number)
        while len(who):
            points = (self.points[who] + steps).clamp(0, 1)
            crossed = self.crossed(who, points.unsqueeze(1)).squeeze(1)
            self.points[who[crossed]] = points[crossed]
            again = ~crossed & (self.left[who] > 0)
            who, steps = who[again], steps[again] / 2

    def crossed(self, who: Int64[Tensor, " m"], points: Float[Tensor, "m b numbers"]) -> Bool[Tensor, "m b"]:
        """Ask about b points for each image; count them, and keep the distance of the nearest beyond the boundary."""
        answered = self.ask(points.reshape(-1, *self.shape)).argmax(dim=1).view(points.shape[:2])
        crossed = answered != self.labels[who, None]
        nearest = _norms(points - self.images[who, None]).masked_fill(~crossed, math.inf).amin(dim=1)
        self.distances[who] = torch.minimum(self.distances[who], nearest)
        self.left[who] -= points.shape[1]
        return crossed


def _norms(differences: Float[Tensor, "*rows numbers"]) -> Float64[Tensor, "*rows"]:
    return torch.linalg.vector_norm(differences, dim=-1, dtype=torch.float64)


def _halvings(theta: float) -> int:
    return math.ceil(math.log2(1 / theta))
