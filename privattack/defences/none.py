"""No defence: the open service."""

from jaxtyping import Float
from torch import Tensor

from privattack.defences.base import Defence, Reveals


class NoDefence(Defence):
    """Answers with the target's own log-probabilities."""

    reveals = Reveals.SCORES
    distorts = False

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        return log_probabilities
