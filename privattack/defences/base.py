"""What every defence is."""

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import final

from jaxtyping import Float
from torch import Tensor


class Reveals(StrEnum):
    """What a response still tells, and so what an attacker who knows the defence can use."""

    SCORES = "scores"
    LABEL = "label"


class Defence(ABC):
    """Turns the target's log-probabilities into the response.

    An author sets `reveals` and writes `respond`. Settings go to the constructor, keyword-only.
    """

    reveals: Reveals

    @final
    def __call__(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        """Return the response for a batch.

        Args:
            log_probabilities: what the target says, natural logarithms.
            pixels: the images it says it of, in [0, 1].

        Returns:
            The logarithm of a proper distribution per row.
        """
        return self.respond(log_probabilities, pixels)

    @abstractmethod
    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        """Return the response for a batch; see `__call__`."""

    def session(self, seed: int) -> "Defence":
        """Return the defence as one client meets it, with a state of its own; a defence without state is its own.

        Args:
            seed: decides what is random in the answers to this client.
        """
        return self

    def imitation(self) -> "Defence":
        """Return the defence as an attacker who knows it runs it on models of their own: without its secrets."""
        return self
