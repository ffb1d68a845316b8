"""What every membership inference attack is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from privattack.attacks.knowledge import Knowledge
from privattack.data.images import LabelledImages
from privattack.service import Service


@dataclass(frozen=True)
class Candidates:
    """The images whose membership is in question, and some of which the attacker knows it.

    The attackers learn from `known` and are judged on `unknown`.
    """

    known: LabelledImages
    known_membership: Bool[np.ndarray, " k"]
    unknown: LabelledImages


@dataclass(frozen=True)
class Inference:
    """What one attacker says of the unknown images, in their order.

    Attributes:
        scores: higher = more likely a member.
        decisions: whether the attacker calls the image a member.
        cross_fitted: whether the attacker learnt from one half to judge the other, and the other way round.
    """

    name: str
    knowledge: Knowledge
    scores: Float[np.ndarray, " u"]
    decisions: Bool[np.ndarray, " u"]
    cross_fitted: bool = False


class MembershipAttack(ABC):
    """Asks the service about the candidates and gives each unknown one a membership score."""

    @abstractmethod
    def run(self, service: Service, candidates: Candidates, *, seed: int) -> list[Inference]:
        """Run the attack once. The budget holds every candidate exactly once."""
