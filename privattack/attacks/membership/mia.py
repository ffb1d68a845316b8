"""The original study's membership inference attack, and an attacker who knows the defence beside it.

The published attacker fits a logistic regression to the softmax values. The adaptive one knows what the
defence reveals and uses the score that tells most of it (Yeom et al. 2018, Song & Mittal 2021).
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression

from privattack import metrics
from privattack.attacks.knowledge import Knowledge, Querying
from privattack.attacks.membership.base import Candidates, Inference, MembershipAttack
from privattack.attacks.membership.signals import Scores, gap, loss, modified_entropy
from privattack.checks import checked
from privattack.data.images import LabelledImages
from privattack.defences.base import Reveals
from privattack.service import Service


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
    """Use the revealed score that tells the known images best apart."""
    membership = candidates.known_membership
    revealed = [gap] if reveals is Reveals.LABEL else [loss, modified_entropy, gap]
    scores = [score(known, candidates.known.labels.numpy()) for score in revealed]
    best = int(np.argmax([metrics.auc(score, membership).value or 0.0 for score in scores]))
    threshold = metrics.fit_threshold(scores[best], membership)
    judged = revealed[best](unknown, candidates.unknown.labels.numpy())
    return judged, judged >= threshold
