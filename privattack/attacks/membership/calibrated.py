"""Membership by comparison with models that did not see the image: difficulty calibration, and attack R.

Watson et al. 2022, "On the importance of difficulty calibration in membership inference attacks"; Ye et al. 2022,
"Enhanced membership inference attacks against machine learning models" (attack R).
"""

from typing import Literal

from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import Scores, loss
from privattack.checks import checked

NAMES = {"difference": "calibrated", "rank": "attack_r"}


@checked
class Calibrated(AnswerAttack):
    """Compares log p_y with that of the shadow models that were not trained on the image.

    An image that every shadow model was trained on is compared with all of them, which underrates it.

    Args:
        form: `difference`, log p_y less their mean (Watson et al.); or `rank`, the share of those models whose
            log p_y is lower, ties counted half (Ye et al.).
    """

    def __init__(self, *, form: Literal["difference", "rank"] = "difference") -> None:
        self.form = form
        self.name = NAMES[form]

    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return the difference or the share; see the base class."""
        target = loss(observed.candidates, auxiliary.candidates.labels.numpy())
        shadows = auxiliary.signals(loss)
        compared = ~auxiliary.membership | auxiliary.membership.all(axis=0)
        if self.form == "difference":
            return target - shadows.mean(axis=0, where=compared)
        lower = (shadows < target).mean(axis=0, where=compared)
        not_higher = (shadows <= target).mean(axis=0, where=compared)
        return (lower + not_higher) / 2
