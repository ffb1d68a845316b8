"""What an attacker who knows a defence learns of its answers, and by which loss."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from privattack.defences.base import Defence, Responses, Reveals
from privattack.models.surrogate import Loss, cross_entropy, kl_divergence

LEAST = 1e-6  # of an answer's weight, so that its logarithm is finite


def known_of(
    responses: Float[Tensor, "repetitions n classes"], imitation: Defence
) -> tuple[Float[Tensor, "repetitions n classes"], Loss]:
    """Return log-probabilities to learn in place of the responses, each times its weight, and by which loss.

    Where answers have weights, the loss is a weighted KL divergence but for a constant, and may lie below 0.
    """
    counter, loss, flat = imitation.counter(), adaptive_loss(imitation.reveals), responses.flatten(0, 1)
    known = counter.undo(flat) if counter.undo is not None else flat
    if counter.weight is not None:
        # KL to a distribution times w is w times KL to it, plus a constant.
        known = known + counter.weight(flat).clamp(min=LEAST).log().unsqueeze(1)
    if counter.through is not None and loss is kl_divergence:
        loss = partial(_passed_through, counter.through)
    return known.view_as(responses), loss


def _passed_through(
    through: Callable[[Responses], Responses],
    surrogate: Float[Tensor, "e n classes"],
    answers: Float[Tensor, "e n classes"],
) -> Float[Tensor, " e"]:
    """Return KL(answer || surrogate), with the gradient that it would have if the defence's were that of doing nothing.

    On logits, KL's gradient is the surrogate's probabilities less the answer; here what the defence makes of these is
    taken in their place (a straight-through estimator; Bengio et al. 2013).
    """
    with torch.no_grad():
        moved = through(surrogate.flatten(0, 1)).view_as(surrogate).exp() - surrogate.exp()
    weights = answers.exp().sum(dim=2, keepdim=True)
    straight = (weights * moved * (surrogate - surrogate.detach())).sum(dim=2).mean(dim=1)
    return kl_divergence(surrogate, answers) + straight


def adaptive_loss(reveals: Reveals) -> Loss:
    """Return the loss of an attacker who knows what responses still tell."""
    return kl_divergence if reveals is Reveals.SCORES else cross_entropy
