"""Rounded probabilities: what a vendor does first (Fredrikson et al. 2015; Tramer et al. 2016, section 7)."""

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from privattack.checks import checked
from privattack.defences.base import Counter, Defence, Responses, Reveals
from privattack.defences.distributions import probabilities, response


@checked
class Rounding(Defence):
    """Answers probabilities to a number of decimals, the winner lifted where it would not stay ahead, renormalised."""

    reveals = Reveals.SCORES

    def __init__(self, *, decimals: Annotated[int, Field(ge=0, le=12)] = 1) -> None:
        self.decimals = decimals

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        rounded = probabilities(log_probabilities).round(decimals=self.decimals)
        return response(rounded, log_probabilities, winners=log_probabilities.argmax(dim=1))

    def counter(self) -> Counter:
        """Return rounding itself: who is rounded to what was answered has no more to learn."""

        def through(said: Responses) -> Responses:
            return self(said, said.new_empty(len(said), 0, 0, 0))

        return Counter(through=through)
