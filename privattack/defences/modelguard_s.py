"""ModelGuard-S (Tang et al. 2024, "ModelGuard: information-theoretic defense against model extraction attacks")."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from privattack.checks import checked
from privattack.defences.base import Defence, Reveals
from privattack.defences.distributions import probabilities, response


@checked
class ModelGuardS(Defence):
    """Answers one of few kept distributions: the first of the winner's within `epsilon`; where none is, y becomes one.

    What is kept is a client's own, and an answer depends on what that client asked before.

    Args:
        epsilon: an L1 distance, from 0 to 2.
    """

    reveals = Reveals.SCORES
    stateful = True

    def __init__(self, *, epsilon: Annotated[float, Field(ge=0, le=2)] = 1.0) -> None:
        self.epsilon = epsilon
        self._kept: dict[int, Float[Tensor, "kept classes"]] = {}

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        said = probabilities(log_probabilities)
        winners = log_probabilities.argmax(dim=1)
        chosen = torch.empty_like(said)
        for winner in winners.unique().tolist():
            rows = (winners == winner).nonzero().flatten()
            chosen[rows] = self._nearby(winner, said[rows])
        return response(chosen, log_probabilities, winners=winners)

    def _nearby(self, winner: int, said: Float[Tensor, "n classes"]) -> Float[Tensor, "n classes"]:
        """Return for each the first kept one within epsilon, and keep those that have none."""
        kept = self._kept.get(winner, said[:0])
        chosen, waiting = torch.empty_like(said), torch.arange(len(said), device=said.device)
        tried = 0
        while len(waiting):
            if tried == len(kept):
                kept = torch.cat([kept, said[waiting[:1]]])
            near = (said[waiting] - kept[tried]).abs().sum(dim=1) <= self.epsilon
            chosen[waiting[near]] = kept[tried]
            waiting, tried = waiting[~near], tried + 1
        self._kept[winner] = kept
        return chosen

    def imitation(self) -> "ModelGuardS":
        """Return one that shares nothing with what a client's session keeps; see the base class."""
        return ModelGuardS(epsilon=self.epsilon)

    def session(self, seed: int) -> "ModelGuardS":
        """Return the defence with nothing kept yet."""
        return ModelGuardS(epsilon=self.epsilon)
