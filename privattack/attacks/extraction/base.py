"""What every model extraction attack is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Int64
from torch import Tensor

from privattack.attacks.knowledge import Knowledge
from privattack.data.images import LabelledImages
from privattack.models.surrogate import Surrogates
from privattack.service import Service


@dataclass(frozen=True)
class Extraction:
    """What an extraction attack came to.

    Attributes:
        attackers: name and knowledge of each attacker, in the order of the surrogates' lessons.
        surrogates: one per attacker and repetition.
        queries: indices of the images of the pool that were asked about, in order, per repetition.
    """

    attackers: Sequence[tuple[str, Knowledge]]
    surrogates: Surrogates
    queries: Int64[Tensor, "repetitions n"]


class ExtractionAttack(ABC):
    """Asks the service about images and trains surrogates on what it answers."""

    @abstractmethod
    def run(self, services: Sequence[Service], pool: LabelledImages, *, seeds: Sequence[int]) -> Extraction:
        """Run the attack, each repetition against a service of its own with a budget of its own.

        Args:
            services: one per repetition.
            pool: the images that the attacker owns, with the labels that he would give them himself.
            seeds: one per repetition.
        """
