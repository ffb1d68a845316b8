"""ModelGuard-W (Tang et al. 2024, "ModelGuard: information-theoretic defense against model extraction attacks")."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from privattack.checks import checked
from privattack.defences.base import Defence, Reveals
from privattack.defences.distributions import probabilities, response

MARGIN = 1e-4  # by which the winner stays ahead
STEPS = 45  # of a golden-section search: it ends within 1e-9
GOLDEN = (5**0.5 - 1) / 2
PENALTY = 1e3  # of a distance beyond epsilon: more than it could gain


@checked
class ModelGuardW(Defence):
    """Answers the distribution y' that minimises sum log(y + 1e-6) y' within an L1 distance `epsilon` of the truth y.

    It is a linear programme for each image: mass goes from likely classes to unlikely ones while the winner stays
    ahead. For a given probability of the winner, the best y' of the others is found by sorting; the best probability
    of the winner, of which the optimum is a convex function, by golden sections. Where epsilon leaves no room for the
    margin, the margin holds.

    Args:
        epsilon: from 0 to 2.
    """

    reveals = Reveals.SCORES

    def __init__(self, *, epsilon: Annotated[float, Field(ge=0, le=2)] = 1.0) -> None:
        self.epsilon = epsilon

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        said = probabilities(log_probabilities)
        n, classes = said.shape
        winners = log_probabilities.argmax(dim=1, keepdim=True)
        # The winner first, the others in ascending order: of ties, always in the same.
        others = said.scatter(1, winners, -1.0).argsort(dim=1, stable=True)[:, 1:]
        order = torch.cat([winners, others], dim=1)
        ordered = said.gather(1, order)
        programme = _Programme(ordered[:, :1], ordered[:, 1:], self.epsilon)
        low = torch.full((n, 1), (1 + (classes - 1) * MARGIN) / classes, dtype=said.dtype, device=said.device)
        high = torch.ones_like(low)
        for _ in range(STEPS):
            left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            goes_left = programme.value(left) < programme.value(right)
            low, high = low.where(goes_left, left), right.where(goes_left, high)
        best = torch.cat([high, programme.others(high)], dim=1)
        return response(torch.zeros_like(said).scatter(1, order, best), log_probabilities, winners=winners[:, 0])


class _Programme:
    """The programme of each image for a given probability of its winner.

    Args:
        winner: the truth about the winner, n x 1.
        rest: about the other classes, ascending.
    """

    def __init__(self, winner: Float[Tensor, "n 1"], rest: Float[Tensor, "n others"], epsilon: float) -> None:
        self.winner, self.rest, self.epsilon = winner, rest, epsilon
        self.costs = (torch.cat([winner, rest], dim=1) + 1e-6).log()

    def value(self, top: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1"]:
        """Return the least sum, and a penalty where epsilon leaves no way."""
        reached = (self.costs * torch.cat([top, self.others(top)], dim=1)).sum(dim=1, keepdim=True)
        return reached + PENALTY * (-self._needed(top)[1]).clamp(min=0)

    def others(self, top: Float[Tensor, "n 1"]) -> Float[Tensor, "n others"]:
        """Return the best probabilities of the other classes."""
        cap = top - MARGIN
        base = self.rest.minimum(cap)
        change, left = self._needed(top)
        extreme = _poured(1 - top, cap.expand_as(base))
        taken = (-change).clamp(min=0)
        # What is moved costs distance twice, and no more is moved than leads to the extreme.
        most = (base - extreme).clamp(min=0).sum(dim=1, keepdim=True) - taken
        moved = (left / 2).clamp(min=0).minimum(most)
        given = _poured(change.clamp(min=0) + moved, cap - base)
        return base + given - _poured(taken + moved, base.flip(1)).flip(1)

    def _needed(self, top: Float[Tensor, "n 1"]) -> tuple[Float[Tensor, "n 1"], Float[Tensor, "n 1"]]:
        """Return by how much the others have to change in all, and the distance that is then left."""
        kept = self.rest.minimum(top - MARGIN).sum(dim=1, keepdim=True)
        change = 1 - top - kept
        cut = self.rest.sum(dim=1, keepdim=True) - kept
        return change, self.epsilon - ((self.winner - top).abs() + cut + change.abs())


def _poured(amount: Float[Tensor, "n 1"], room: Float[Tensor, "n others"]) -> Float[Tensor, "n others"]:
    """Return how much of an amount each class takes that is filled one after the other."""
    before = room.cumsum(dim=1) - room
    return (amount - before).clamp(min=0).minimum(room)
