"""The k likeliest classes only (Fredrikson et al. 2015; Shokri et al. 2017, section VIII)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from privattack.checks import Few, checked
from privattack.defences.base import Defence, Reveals
from privattack.defences.distributions import probabilities, response


@checked
class TopK(Defence):
    """Answers the probabilities of the k likeliest classes.

    Args:
        k: how many; all of them where there are fewer.
        rest: the others have `shared` what is left evenly, or they are `dropped` and the k renormalised.
    """

    reveals = Reveals.SCORES

    def __init__(self, *, k: Few = 3, rest: Literal["shared", "dropped"] = "shared") -> None:
        self.k = k
        self.rest = rest

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        said = probabilities(log_probabilities)
        classes = said.shape[1]
        # Of tied classes the first, as in the target's own argmax.
        chosen = log_probabilities.argsort(dim=1, descending=True, stable=True)[:, : self.k]
        kept = torch.zeros_like(said).scatter(1, chosen, said.gather(1, chosen))
        if self.rest == "shared" and self.k < classes:
            left = (1 - kept.sum(dim=1, keepdim=True)).clamp(min=0) / (classes - self.k)
            kept = kept.where(torch.zeros_like(kept, dtype=torch.bool).scatter(1, chosen, True), left)
        return response(kept, log_probabilities, winners=log_probabilities.argmax(dim=1))
