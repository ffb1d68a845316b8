"""The training of HAMP (Chen & Pattabiraman 2024, "Overconfidence is a dangerous thing", section IV.B)."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from pydantic import Field
from scipy.optimize import brentq
from torch import Tensor

from privattack.checks import checked
from privattack.models.recipes import Supervised


@checked
@dataclass(frozen=True, kw_only=True)
class HighEntropy(Supervised):
    """KL divergence from soft labels of high entropy, less alpha times the entropy of the answer.

    Attributes:
        entropy: a soft label's entropy, as a share of the largest there is, ln C. It gives the label the largest
            probability that such an entropy allows, and every other class an equal part of the rest.
        alpha: in nats of entropy for each nat of divergence. The authors' code divides the divergence by the number of
            classes C, so that its alpha is a C-th of this one.
    """

    VERSION = 1

    entropy: Annotated[float, Field(gt=0, lt=1)]
    alpha: Annotated[float, Field(ge=0, le=1_000)]

    def objective(
        self, logits: Float[Tensor, "e b classes"], labels: Int64[Tensor, "e b"], *, epoch: int
    ) -> Float[Tensor, " e"]:
        classes = logits.shape[2]
        label = soft_label(classes, self.entropy)
        others = torch.full_like(logits, (1 - label) / (classes - 1))
        targets = others.scatter(2, labels.unsqueeze(2), label)
        log_probabilities = F.log_softmax(logits, dim=2)
        divergence = F.kl_div(log_probabilities, targets, reduction="none").sum(dim=2)
        said = -(log_probabilities.exp() * log_probabilities).sum(dim=2)
        return (divergence - self.alpha * said).mean(dim=1)


@cache
def soft_label(classes: int, share: float) -> float:
    """Return the largest probability of one class, the others alike, with `share` of the largest entropy, ln C.

    >>> round(soft_label(10, 0.95), 4)
    0.2698
    """

    def missing(label: float) -> float:
        rest = 1 - label
        entropy = -label * math.log(label) - (rest * math.log(rest / (classes - 1)) if rest else 0.0)
        return entropy - share * math.log(classes)

    return float(brentq(missing, 1 / classes, 1.0, xtol=1e-12))
