"""The original study's membership inference attack, and an attacker who knows the defence beside it.

The published attacker fits a logistic regression to the softmax values. The adaptive one knows what the defence reveals
and uses the score that tells most of it (Yeom et al. 2018, Song & Mittal 2021), or gradient boosting on the answers and
the label.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from privattack import metrics
from privattack.attacks.knowledge import Knowledge, Querying
from privattack.attacks.membership.base import Candidates, Inference, MembershipAttack
from privattack.attacks.membership.signals import Scores, entropy, gap, loss, margin, modified_entropy
from privattack.checks import checked
from privattack.data.images import LabelledImages
from privattack.defences.base import Reveals
from privattack.service import Service

ENOUGH_TO_LEARN = 40  # known members, and known others


@checked
class MembershipInference(MembershipAttack):
    """Asks about every candidate once.

    Args:
        attackers: which of `published` and `adaptive` run; a blind one is judged beside any attack.
    """

    def __init__(self, *, attackers: Querying = ("published", "adaptive")) -> None:
        self.attackers = [Knowledge(attacker) for attacker in attackers]

    def run(self, service: Service, candidates: Candidates, *, seed: int) -> list[Inference]:
        """Run the attack; see the base class."""
        known = _ask(service, candidates.known)
        unknown = _ask(service, candidates.unknown)
        attackers = {
            Knowledge.PUBLISHED: lambda: _published(known, unknown, candidates),
            Knowledge.ADAPTIVE: lambda: _adaptive(known, unknown, candidates, service.reveals),
        }
        return [Inference(attacker.value, attacker, *attackers[attacker]()) for attacker in self.attackers]


def _ask(service: Service, images: LabelledImages) -> Float[np.ndarray, "n classes"]:
    return service.query(images.pixels()).to(torch.float64).numpy()


def _published(
    known: Float[np.ndarray, "k classes"], unknown: Float[np.ndarray, "u classes"], candidates: Candidates
) -> tuple[Scores, Bool[np.ndarray, " u"]]:
    classifier = LogisticRegression(max_iter=1_000).fit(np.exp(known), candidates.known_membership)
    return classifier.decision_function(np.exp(unknown)), classifier.predict(np.exp(unknown))


def _adaptive(
    known: Float[np.ndarray, "k classes"],
    unknown: Float[np.ndarray, "u classes"],
    candidates: Candidates,
    reveals: Reveals,
) -> tuple[Scores, Bool[np.ndarray, " u"]]:
    """Use what tells the known images best apart: a score of the revealed answers, or what is learnt from them."""
    membership = candidates.known_membership
    labels = candidates.known.labels.numpy(), candidates.unknown.labels.numpy()
    revealed = [gap] if reveals is Reveals.LABEL else [loss, entropy, modified_entropy, gap]
    found = [(score(known, labels[0]), score(unknown, labels[1])) for score in revealed]
    if reveals is Reveals.SCORES and min(np.bincount(membership, minlength=2)) >= ENOUGH_TO_LEARN:
        found.append(_learn(_features(known, labels[0]), membership, _features(unknown, labels[1])))
    of_known, judged = max(found, key=lambda both: metrics.auc(both[0], membership).value or 0.0)
    return judged, judged >= metrics.fit_threshold(of_known, membership)


def _features(answers: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> Float[np.ndarray, "n f"]:
    """Return log-probabilities, which trees take as they take probabilities, the margin and the label."""
    return np.column_stack([answers, margin(answers, labels), labels])


@threadpool_limits.wrap(limits=1)  # so small a task is far slower in several threads
def _learn(
    known: Float[np.ndarray, "k f"], membership: Bool[np.ndarray, " k"], unknown: Float[np.ndarray, "u f"]
) -> tuple[Scores, Scores]:
    """Return the log-odds of membership of the known, each half by what the other teaches, and of the unknown."""
    # scikit-learn takes no more categories than fit a byte.
    few = max(known[:, -1].max(), unknown[:, -1].max()) < 255
    boosting = HistGradientBoostingClassifier(
        max_iter=50,
        max_leaf_nodes=8,
        categorical_features=[known.shape[1] - 1] if few else None,
        early_stopping=False,
        random_state=0,
    )
    halves = StratifiedKFold(2, shuffle=True, random_state=0)
    of_known = cross_val_predict(boosting, known, membership, cv=halves, method="decision_function")
    return of_known, boosting.fit(known, membership).decision_function(unknown)
