"""Membership inference without shadow models: the threshold comes from images whose membership is known."""

from jaxtyping import Bool
from numpy import ndarray

from privattack import metrics
from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Candidates, Inference, MembershipAttack
from privattack.attacks.membership.shadow import AnswerAttack, Ask, Auxiliary, listener
from privattack.attacks.membership.signals import Scores
from privattack.data.images import LabelledImages
from privattack.service import Service


class KnownThreshold(MembershipAttack):
    """Asks about every candidate once; half of them, whose membership the attackers know, set the threshold.

    Args:
        attack: whose score of an image follows from the answer about it alone, such as `Loss`.
    """

    def __init__(self, attack: AnswerAttack) -> None:
        self.attack = attack

    def run(self, service: Service, candidates: Candidates, *, seed: int) -> list[Inference]:
        """Run the attack; see the base class."""
        ask = listener(service)
        known, unknown = (self._scores(ask, part, seed) for part in (candidates.known, candidates.unknown))
        decisions: Bool[ndarray, " u"] = unknown >= metrics.fit_threshold(known, candidates.known_membership)
        return [Inference(self.attack.name, Knowledge.ADAPTIVE, unknown, decisions)]

    def _scores(self, ask: Ask, images: LabelledImages, seed: int) -> Scores:
        nobody = LabelledImages(images.images[:0], images.labels[:0])
        auxiliary = Auxiliary(images, nobody, [])
        return self.attack.score(self.attack.observe(ask, auxiliary, seed=seed), auxiliary)
