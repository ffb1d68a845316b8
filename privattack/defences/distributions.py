"""From what a defence makes of probabilities to a response: the logarithm of a proper distribution."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

SMALLEST = 1e-12  # of a probability in a response, so that its logarithm is finite
AHEAD = 1e-5  # by what share a kept winner lies above the rest: more than single precision loses


def response(
    weights: Float[Tensor, "n classes"], like: Float[Tensor, "n classes"], *, winners: Int64[Tensor, " n"] | None = None
) -> Float[Tensor, "n classes"]:
    """Return weights as the logarithm of a distribution.

    Args:
        weights: from 0 up, in double precision.
        like: of the type and on the device that the response needs.
        winners: the classes that stay ahead, lifted just above the rest where they are not; None lifts none.
    """
    weights = weights.clamp(min=SMALLEST)
    if winners is not None:
        places = winners.unsqueeze(1)
        rest = weights.scatter(1, places, 0.0).amax(dim=1, keepdim=True)
        weights = weights.scatter(1, places, weights.gather(1, places).maximum((1 + AHEAD) * rest))
    return (weights / weights.sum(dim=1, keepdim=True)).log().to(like)


def probabilities(log_probabilities: Float[Tensor, "n classes"]) -> Float[Tensor, "n classes"]:
    """Return probabilities in double precision, in which they sum to 1."""
    return log_probabilities.double().softmax(dim=1)


def distance(first: Float[Tensor, "*n classes"], second: Float[Tensor, "*n classes"]) -> Float[Tensor, "*n 1"]:
    """Return the L1 distance of distributions, from 0 to 2."""
    return (first - second).abs().sum(dim=-1, keepdim=True)


def at_most(
    epsilon: float, here: Float[Tensor, "n classes"], there: Float[Tensor, "n classes"]
) -> Float[Tensor, "n classes"]:
    """Return how far one gets from `here` on the way to `there` within an L1 distance of `epsilon`."""
    share = (epsilon / distance(here, there).clamp(min=torch.finfo(torch.float64).tiny)).clamp(max=1)
    return here + share * (there - here)
