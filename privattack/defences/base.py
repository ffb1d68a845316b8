"""What every defence is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import final

from jaxtyping import Float
from torch import Tensor

from privattack.defences.owner import Owner
from privattack.models.recipes import Supervised

Responses = Float[Tensor, "n classes"]


class Reveals(StrEnum):
    """What a response still tells, and so what an attacker who knows the defence can use."""

    SCORES = "scores"
    LABEL = "label"


@dataclass(frozen=True)
class Counter:
    """What an attacker who knows a defence does about it, where an author knows something.

    Attributes:
        undo: maps responses to log-probabilities nearer to the target's; None where nothing can be undone.
        weight: maps responses to how much each of them tells, `(n,)` in [0, 1]; None where all tell alike.
        through: what the defence makes of what a surrogate says: surrogates learn to be answered alike. None where they
            learn the answers themselves.
        repeats: how many answers about one image it takes to average noise away; 1 where there is none.
        copies: whether these are answers about shifted copies of it, since the same image gets the same answer.
    """

    undo: Callable[[Responses], Responses] | None = None
    weight: Callable[[Responses], Float[Tensor, " n"]] | None = None
    through: Callable[[Responses], Responses] | None = None
    repeats: int = 1
    copies: bool = False


class Defence(ABC):
    """Turns the target's log-probabilities into the response.

    An author sets `reveals` and writes `respond`. Settings go to the constructor, keyword-only.

    Attributes:
        distorts: whether scores that it reveals are not the target's own.
        keeps_label: whether the winning class is always the target's.
        stateful: whether an answer depends on what the same client asked before.
        alarm: how many images had been asked about when a monitor raised the alarm.
        answered: whether a monitor lets all images of the latest batch be answered.
    """

    reveals: Reveals
    distorts: bool = True
    keeps_label: bool = True
    stateful: bool = False
    alarm: int | None = None
    training: Callable[..., Supervised] = Supervised
    answered: bool = True

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

    def counter(self) -> Counter:
        """Return what an attacker who knows the defence does about it."""
        return Counter()

    def fitted(self, owner: Owner) -> "Defence":
        """Return the defence with what its owner trains for it; one that needs no training is its own.

        Raises:
            UserError: the owner has not what it needs.
        """
        return self
