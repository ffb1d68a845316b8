"""RelaxLoss (Chen et al. 2022, "RelaxLoss: Defending membership inference attacks without losing utility")."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from privattack.checks import PositiveShare, checked
from privattack.models.recipes import Supervised


@checked
@dataclass(frozen=True, kw_only=True)
class RelaxLoss(Supervised):
    """Keeps the mean training loss L at alpha, where members look like others (algorithm 1).

    In even epochs |L - alpha|. In odd ones L where it is above alpha, otherwise the posterior is flattened:
    cross-entropy to a target that gives the label min(p_y, upper) and every other class an equal part of the rest.

    Attributes:
        alpha: the loss that is aimed at, in nats.
        upper: the most that a flattened target gives the label.
        reference_code: true flattens as the authors' code for images does: only images that are named wrongly, and
            the loss itself is taken away from it.
    """

    VERSION = 1

    alpha: float
    upper: PositiveShare = 1.0
    reference_code: bool = False

    def objective(
        self, logits: Float[Tensor, "e b classes"], labels: Int64[Tensor, "e b"], *, epoch: int
    ) -> Float[Tensor, " e"]:
        loss = self.losses(logits, labels)
        if epoch % 2 == 0:
            return (loss - self.alpha).abs()
        return torch.where(loss > self.alpha, loss, self._flattened(logits, labels))

    def _flattened(self, logits: Float[Tensor, "e b classes"], labels: Int64[Tensor, "e b"]) -> Float[Tensor, " e"]:
        log_probabilities = F.log_softmax(logits, dim=2)
        label = labels.unsqueeze(2)
        confidence = log_probabilities.detach().exp().gather(2, label).clamp(max=self.upper)
        others = (1 - confidence) / (logits.shape[2] - 1)
        targets = others.expand_as(logits).scatter(2, label, confidence)
        to_target = -(targets * log_probabilities).sum(dim=2)
        if not self.reference_code:
            return to_target.mean(dim=1)
        wrong = (logits.argmax(dim=2) != labels).to(logits)
        return (wrong * to_target).mean(dim=1) - self.losses(logits, labels)
