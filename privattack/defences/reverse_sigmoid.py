"""Reverse sigmoid (Lee, Edwards, Molloy & Su 2019, "Defending against neural network model stealing attacks using
deceptive perturbations", equations 3 and 4).
"""

from jaxtyping import Float
from torch import Tensor

from privattack.checks import Positive, Share, checked
from privattack.defences.base import Defence, Reveals
from privattack.defences.distributions import probabilities, response

EDGE = 1e-9  # probabilities nearer to 0 or 1 have no usable logit


@checked
class ReverseSigmoid(Defence):
    """Answers y - beta (sigmoid(gamma logit y) - 1/2), renormalised: different y get nearly the same answer.

    It does not keep the winner where a middling y wins, for an impossible class gets up to beta / 2.

    Args:
        beta: how strong it is, 0 to 1.
        gamma: how steep; the paper's is 0.2 for MNIST, 0.4 for Fashion-MNIST.
    """

    reveals = Reveals.SCORES
    keeps_label = False

    def __init__(self, *, beta: Share = 1.0, gamma: Positive = 0.2) -> None:
        self.beta = beta
        self.gamma = gamma

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        said = probabilities(log_probabilities).clamp(EDGE, 1 - EDGE)
        return response(said - self.beta * ((self.gamma * said.logit()).sigmoid() - 0.5), log_probabilities)
