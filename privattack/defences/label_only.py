"""Label-only output, as the original study defined it."""

from typing import Annotated

import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from privattack.checks import checked
from privattack.defences.base import Defence, Reveals

Tiny = Annotated[
    float, Field(ge=1e-30, le=1, description="a number above 0, 1e-30 to 1, or an answer's logarithm is infinite")
]


@checked
class LabelOnly(Defence):
    """Answers `log(onehot(argmax) + tiny)`: the winning class and nothing else.

    Of tied classes the first wins, as in the target's own argmax. A row's probabilities sum to
    `1 + classes * tiny`, as in the original study.
    """

    reveals = Reveals.LABEL

    def __init__(self, *, tiny: Tiny = 1e-7) -> None:
        self.tiny = tiny

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        winners = log_probabilities.argmax(dim=1)
        onehot = F.one_hot(winners, log_probabilities.shape[1]).to(log_probabilities.dtype)
        return (onehot + self.tiny).log()
