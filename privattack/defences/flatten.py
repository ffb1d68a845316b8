"""Flattened confidence scores: noise in place of the softmax, as the original study defined it."""

import copy
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from privattack.checks import Share, checked
from privattack.defences.base import Defence, Reveals
from privattack.defences.draws import Draws, guessed
from privattack.errors import SettingError


@checked
class Flatten(Defence):
    """Answers values drawn uniformly from [low, high], the winner raised just above the rest, renormalised.

    Noise must not average away. So the draws come from a secret key and the image's 8-bit pixels: the
    same image gets the same answer, and `fresh=true` gives it new noise on each query instead.

    Args:
        low, high: bounds of the noise, as shares of one.
        margin: how far the winning value is raised above the largest of the rest; by less, rounding loses the label.
        fresh: whether the same image gets another answer each time it is asked about.
        key: the secret that the noise depends on.
    """

    reveals = Reveals.LABEL

    def __init__(
        self,
        *,
        low: Share = 0.09,
        high: Share = 0.10,
        margin: Annotated[float, Field(ge=1e-6, le=1)] = 1e-4,
        fresh: bool = False,
        key: Annotated[int, Field(ge=0, lt=2**64)] = 0,
    ) -> None:
        if low > high:
            raise SettingError({"low": low, "high": high}, "need numbers with 0 <= low <= high")
        self.low = low
        self.high = high
        self.margin = margin
        self.fresh = fresh
        self.key = key
        self.stateful = fresh
        self._draws = Draws(key, fresh=fresh)

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        classes = log_probabilities.shape[1]
        values = self.low + (self.high - self.low) * self._draws.uniform(pixels, classes)
        winners = log_probabilities.argmax(dim=1, keepdim=True).cpu()
        raised = values.scatter(1, winners, 0.0).amax(dim=1, keepdim=True) + self.margin
        values = values.scatter(1, winners, raised)
        return (values / values.sum(dim=1, keepdim=True)).log().to(log_probabilities)

    def session(self, seed: int) -> "Flatten":
        """Return the defence with fresh noise of the client's own; noise that follows from the image is everyone's."""
        session = copy.copy(self)
        session._draws = self._draws.session(seed)
        return session

    def imitation(self) -> "Flatten":
        """Return the defence with another key."""
        return Flatten(low=self.low, high=self.high, margin=self.margin, fresh=self.fresh, key=guessed(self.key))
