"""The gap attack (Yeom et al. 2018, "Privacy risk in machine learning", section III)."""

from typing import Any

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import Scores, gap


class Gap(AnswerAttack):
    """Calls an image a member where the winning class is the true one.

    It needs the label alone and no shadow model: its balanced accuracy is 1/2 + (train accuracy - test accuracy) / 2.
    """

    name = "gap"
    least_shadows = 0

    def infer(self, name: str, observed: Any, auxiliary: Auxiliary, *, seed: int) -> Inference:
        """Return scores, and decisions without a threshold of anybody's."""
        scores = self.score(observed, auxiliary)
        return Inference(name, Knowledge.ADAPTIVE, scores, scores == 1)

    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return 1 or 0; see the base class."""
        return gap(observed.candidates, auxiliary.candidates.labels.numpy())
