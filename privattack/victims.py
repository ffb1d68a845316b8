"""Victims: what a service answers for, as its owner has it. No attack is ever given one."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor

from privattack.data.images import LabelledImages
from privattack.defences.base import Defence
from privattack.models.targets import TrainedTarget
from privattack.service import Service


class Victim(ABC):
    """A model behind its owner's defence.

    Attributes:
        name: its address in results.
        classes: how many it tells apart.
    """

    name: str
    classes: int

    @abstractmethod
    def open(self, *, budget: int, seed: int) -> Service:
        """Open a session for one client, with a budget and a defence of its own.

        Args:
            budget: how many images the client may ask about.
            seed: decides what is random in the defence's answers to this client.
        """

    @abstractmethod
    def truth(self, images: LabelledImages) -> Float[Tensor, "n classes"] | None:
        """Return the undefended log-probabilities for `images`, for the judge; None where nobody knows them."""


class LocalVictim(Victim):
    """A target of this run's own.

    Args:
        target: trained, or brought by the user.
        defence: what stands between the target and every response.
    """

    def __init__(self, target: TrainedTarget, defence: Defence) -> None:
        self.target = target
        self.defence = defence
        self.name = target.fingerprint
        self.classes = target.test_log_probabilities.shape[1]

    def open(self, *, budget: int, seed: int) -> Service:
        """Open a session; see the base class."""
        return Service(self.target.model, self.defence.session(seed), budget=budget)

    def truth(self, images: LabelledImages) -> Float[Tensor, "n classes"]:
        """Return what the target says, and remember it: attacks ask about the same images again and again."""
        return self.target.model.remember(images)
