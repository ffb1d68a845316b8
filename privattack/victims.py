"""Victims: what a service answers for, as its owner has it. No attack is ever given one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from privattack.data.images import DataSet, LabelledImages
from privattack.defences.base import Defence
from privattack.measurement import Measurement
from privattack.models.targets import TrainedTarget
from privattack.results.result import Remote, Target
from privattack.service import Service


@dataclass(frozen=True)
class Judged:
    """What surrogates are judged by.

    Attributes:
        log_probabilities: what the victim says of the images.
        scores: whether they are the model's own probabilities; otherwise only the class that they name is true.
    """

    images: LabelledImages
    log_probabilities: Float[Tensor, "n classes"]
    scores: bool = True


@dataclass(frozen=True)
class Standing:
    """What a result says of a victim itself, or of several models in its place, whatever attacks them.

    Attributes:
        costs: what its defence costs honest users, by name.
        seconds: what it took to train it, or to load it.
        microseconds: what its defence takes for each image; None where nobody can measure it.
        remote: what was sent to it; None for a victim in this process.
    """

    target: Target
    costs: Mapping[str, Measurement]
    seconds: float
    microseconds: float | None = None
    remote: Remote | None = None


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
    def judge(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Answer the judge, undefended where that can be had: log-probabilities for pixels in [0, 1]."""

    @abstractmethod
    def judged(self, test: LabelledImages) -> Judged:
        """Answer the judge about a data set's test part, or about as much of it as is worth its price."""

    def remember(self, images: LabelledImages) -> None:  # noqa: B027 (a victim may have nothing to look up)
        """Learn the answers for images that attacks ask about again and again, where that costs nothing."""


class ForeignVictim(Victim):
    """A victim that somebody else trained and runs."""

    @abstractmethod
    def standing(self) -> Standing:
        """Return what a result says of it, once it was attacked and judged."""


class ForeignVictims(ABC):
    """Makes a foreign victim when a run begins. The constructor checks the settings, and asks nothing.

    Attributes:
        sends_members: whether images that the model was trained on may be sent to it.
    """

    sends_members: bool

    @abstractmethod
    def connected(
        self, data: DataSet, defence: Defence, members: LabelledImages
    ) -> AbstractContextManager[ForeignVictim]:
        """Yield the victim.

        Args:
            defence: which defence the attackers believe to be in place.
            members: images that the model was trained on, as far as anybody says.

        Raises:
            UserError: it cannot be asked.
        """


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

    def judge(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return what the target says; see the base class."""
        return self.target.model(pixels)

    def judged(self, test: LabelledImages) -> Judged:
        """Return what the target says of all images; see the base class."""
        return Judged(test, self.target.model.remember(test))

    def remember(self, images: LabelledImages) -> None:
        """Let the target look up what it says of images; see the base class."""
        self.target.model.remember(images)
