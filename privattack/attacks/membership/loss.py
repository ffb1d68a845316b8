"""The loss attack (Yeom et al. 2018, "Privacy risk in machine learning", section III)."""

from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import Scores, loss


class Loss(AnswerAttack):
    """Scores an image by log p_y, the negative of its loss."""

    name = "loss"
    least_shadows = 2  # for the threshold
    scores_alone = True

    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return log p_y; see the base class."""
        return loss(observed.candidates, auxiliary.candidates.labels.numpy())
