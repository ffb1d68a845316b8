"""Learning the winning class and nothing else: no defence that keeps labels can take it away."""

from jaxtyping import Float
from torch import Tensor

from privattack.attacks.extraction.learning.base import Learner, Transcript
from privattack.models.surrogate import cross_entropy


class Label(Learner):
    """Cross-entropy on the winner of each response."""

    loss = staticmethod(cross_entropy)

    def answers(self, transcript: Transcript) -> Float[Tensor, "repetitions n classes"]:
        """Return the responses; see the base class."""
        return transcript.responses
