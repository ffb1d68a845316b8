"""Softened probabilities: a temperature above 1 (Hinton et al. 2015; Shokri et al. 2017, section VIII)."""

from jaxtyping import Float
from torch import Tensor

from privattack.checks import Positive, checked
from privattack.defences.base import Counter, Defence, Responses, Reveals
from privattack.defences.distributions import probabilities, response


@checked
class Temperature(Defence):
    """Answers softmax(z / temperature); below 1 it sharpens."""

    reveals = Reveals.SCORES

    def __init__(self, *, temperature: Positive = 5.0) -> None:
        self.temperature = temperature

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        softened = probabilities(log_probabilities.double() / self.temperature)
        return response(softened, log_probabilities, winners=log_probabilities.argmax(dim=1))

    def counter(self) -> Counter:
        """Return the same the other way round: an attacker who knows the temperature multiplies by it."""

        def undo(responses: Responses) -> Responses:
            return (responses * self.temperature).log_softmax(dim=1)

        return Counter(undo=undo)
