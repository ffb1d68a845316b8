"""The first attack with shadow models (Shokri et al. 2017, "Membership inference attacks", section V)."""

import math

import numpy as np
from jaxtyping import Bool, Float
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import Scores
from privattack.checks import Few, checked


@checked
class Shokri(AnswerAttack):
    """Learns for each class to tell the shadow models' members from their non-members by the C probabilities.

    The classifier is gradient boosting, in place of the paper's small network. The score is the log-odds of
    membership. A class that has only one kind takes the log-odds of all classes together.

    Args:
        shadow_models: how many of the shadow models teach it, the first ones: from 1 up.
    """

    name = "shokri"

    def __init__(self, *, shadow_models: Few = 8) -> None:
        self.shadow_models = shadow_models

    @threadpool_limits.wrap(limits=1)  # so small a task is far slower in several threads
    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return the log-odds of membership; see the base class."""
        labels = auxiliary.candidates.labels.numpy()
        membership = auxiliary.membership[: self.shadow_models]
        teachers = [shadow.answers().candidates for shadow in auxiliary.shadows[: self.shadow_models]]
        scores = np.full(len(labels), _log_odds(membership))
        for label in np.unique(labels):
            of_class = labels == label
            members = membership[:, of_class].ravel()
            if members.all() or not members.any():
                continue
            taught = np.exp(np.concatenate([answers[of_class] for answers in teachers]))
            scores[of_class] = _learn(taught, members).decision_function(np.exp(observed.candidates[of_class]))
        return scores


def _learn(
    probabilities: Float[np.ndarray, "rows classes"], members: Bool[np.ndarray, " rows"]
) -> HistGradientBoostingClassifier:
    # Without early stopping, only the bins of more than 200,000 rows are drawn at random.
    return HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8, early_stopping=False, random_state=0).fit(
        probabilities, members
    )


def _log_odds(membership: Bool[np.ndarray, "models n"]) -> float:
    # Half an image more of each kind keeps the odds finite.
    members, nonmembers = np.count_nonzero(membership), np.count_nonzero(~membership)
    return math.log((members + 0.5) / (nonmembers + 0.5))
