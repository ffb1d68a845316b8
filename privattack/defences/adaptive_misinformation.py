"""Adaptive misinformation (Kariyappa & Qureshi 2020, "Defending against model stealing attacks with adaptive
misinformation").
"""

import copy
from collections.abc import Callable
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import pad

from privattack.checks import Positive, checked
from privattack.defences.base import Counter, Defence, Responses, Reveals
from privattack.defences.distributions import probabilities, response
from privattack.defences.owner import Answers, Owner
from privattack.errors import UserError
from privattack.models.recipes import Supervised


@checked
class AdaptiveMisinformation(Defence):
    """Answers images that the target is unsure of with what a second network says, which was trained to be wrong.

    The response is (1 - a) f + a f^ with a = 1 / (1 + exp(nu (max f - tau))) (section 4): f is the target, trained to
    be unsure of outliers, f^ the second network. The winner of a response need not be the target's.

    Args:
        training: makes the target's recipe, of the settings that it leaves to `target`.
        misinforming: makes that of the second network, which learns the same images.
        tau: the confidence above which the target's own answer is given.
        nu: how sharp the change is.
    """

    reveals = Reveals.SCORES
    keeps_label = False

    def __init__(
        self,
        *,
        training: Callable[..., Supervised],
        misinforming: Callable[..., Supervised],
        tau: Annotated[float, Field(ge=0, le=1)] = 0.9,
        nu: Positive = 1_000.0,
    ) -> None:
        self.training = training
        self.misinforming = misinforming
        self.tau = tau
        self.nu = nu
        self._misinforms: Answers | None = None

    def fitted(self, owner: Owner) -> "AdaptiveMisinformation":
        """Return the defence with its second network, trained now or taken from the store.

        Raises:
            UserError: nobody knows how the target was trained.
        """
        if owner.train is None:
            raise UserError(
                "defence=adaptive_misinformation: trains a second network as the target was trained, and this target "
                "was brought by the user; leave target.checkpoint out, or choose another defence."
            )
        fitted = copy.copy(self)
        fitted._misinforms = owner.train(self.misinforming)
        return fitted

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        if self._misinforms is None:
            raise UserError("defence=adaptive_misinformation: has no second network; call fitted() with its owner.")
        said = probabilities(log_probabilities)
        wrong = probabilities(self._misinforms(pixels).to(said.device))
        wrong = pad(wrong, (0, said.shape[1] - wrong.shape[1]))
        share = (self.nu * (self.tau - said.amax(dim=1, keepdim=True))).sigmoid()
        return response((1 - share) * said + share * wrong, log_probabilities)

    def imitation(self) -> "AdaptiveMisinformation":
        """Return itself: the attackers are as strong as can be, and have the owner's second network."""
        return self

    def counter(self) -> Counter:
        """Return that answers less sure than `tau` are not the target's."""

        def weight(responses: Responses) -> Float[Tensor, " n"]:
            return (self.nu * (responses.exp().amax(dim=1) - self.tau)).sigmoid()

        return Counter(weight=weight)
