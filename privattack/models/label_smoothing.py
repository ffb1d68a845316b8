"""Label smoothing (Szegedy et al. 2016, section 7)."""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from privattack.checks import Share, checked
from privattack.models.recipes import Supervised


@checked
@dataclass(frozen=True, kw_only=True)
class LabelSmoothing(Supervised):
    """Cross-entropy to a mixture of the label and equal odds.

    Attributes:
        smoothing: the share of equal odds.
    """

    VERSION = 1

    smoothing: Share

    def objective(
        self, logits: Float[Tensor, "e b classes"], labels: Int64[Tensor, "e b"], *, epoch: int
    ) -> Float[Tensor, " e"]:
        even = -F.log_softmax(logits, dim=2).mean(dim=(1, 2))
        return (1 - self.smoothing) * self.losses(logits, labels) + self.smoothing * even
