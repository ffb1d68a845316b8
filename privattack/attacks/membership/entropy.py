"""Metrics with a threshold for each class (Song & Mittal 2021, "Systematic evaluation of privacy risks", III.B)."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from privattack import metrics
from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import TINY, Scores, entropy, loss, modified_entropy
from privattack.checks import checked

# All are 0 where the model is certain, and below 0 otherwise.
SIGNALS = {"confidence": loss, "entropy": entropy, "modified_entropy": modified_entropy}


@checked
class Entropy(AnswerAttack):
    """Scores an image by how far a signal lies above the threshold of the image's class, on a logarithmic scale.

    A class's threshold is the one that best tells members from non-members of that class, by balanced accuracy
    over all shadow models. A class that has only one kind takes the threshold of all classes together. Most signals
    are all but 0: logarithms keep apart what their differences from the threshold would round to one number, and
    which images lie above the threshold is the same on either scale.

    Args:
        signal: `confidence`, p_y, as log p_y; `entropy`, the negative entropy; or `modified_entropy`, its form that
            knows y.
    """

    def __init__(self, *, signal: Literal["confidence", "entropy", "modified_entropy"] = "modified_entropy") -> None:
        self.signal = signal
        self.name = signal

    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return log(threshold of the image's class / signal); see the base class."""
        signal = SIGNALS[self.signal]
        labels = auxiliary.candidates.labels.numpy()
        shadows, membership = _log_scale(auxiliary.signals(signal)), auxiliary.membership
        scores = _log_scale(signal(observed.candidates, labels))
        for label in np.unique(labels):
            of_class = labels == label
            values, members = shadows[:, of_class].ravel(), membership[:, of_class].ravel()
            if members.all() or not members.any():
                values, members = shadows.ravel(), membership.ravel()
            scores[of_class] -= metrics.fit_threshold(values, members)
        return scores


def _log_scale(signal: Float[np.ndarray, "*models n"]) -> Float[np.ndarray, "*models n"]:
    """Return -log(-signal), which grows with the signal."""
    return -np.log(np.maximum(-signal, TINY))
