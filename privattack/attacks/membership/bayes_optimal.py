"""BASE (Lassila et al. 2025, "Practical Bayes-optimal membership inference attacks", arXiv 2505.24089)."""

from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import Scores, log_mean, loss


class Base(AnswerAttack):
    """Scores an image by log p_y less the log of the mean p_y over all shadow models, as LeakPro does online.

    It is RMIA's ratio without public images.
    """

    name = "base"

    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return the log of the ratio; see the base class."""
        return loss(observed.candidates, auxiliary.candidates.labels.numpy()) - log_mean(auxiliary.signals(loss))
