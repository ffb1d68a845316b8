"""Answers about an image asked again and again, averaged: what is left of a defence whose noise is fresh."""

from jaxtyping import Float
from torch import Tensor

from privattack.defences.base import Defence


class Repeated(Defence):
    """Another defence as whoever averages its answers sees it: the mean probabilities of several.

    Args:
        defence: the other one.
        repeats: how many answers.
    """

    def __init__(self, defence: Defence, *, repeats: int) -> None:
        self.defence = defence
        self.repeats = repeats
        self.reveals, self.keeps_label, self.stateful = defence.reveals, defence.keeps_label, defence.stateful

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        total = self.defence(log_probabilities, pixels)
        for _ in range(self.repeats - 1):
            total = total.logaddexp(self.defence(log_probabilities, pixels))
        return total.log_softmax(dim=1)

    def session(self, seed: int) -> "Repeated":
        """Return the mean of the answers of one session."""
        return Repeated(self.defence.session(seed), repeats=self.repeats)
