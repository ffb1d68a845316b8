"""The scores that an audit of differential privacy needs: of canaries, by any attacks that share a transcript."""

import numpy as np

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.attacks.membership.shadow import AnswerAttack, Auxiliary, listener, plain_answers
from privattack.attacks.membership.suite import Suite
from privattack.checks import checked
from privattack.service import Service


@checked
class DpAudit(Suite):
    """A suite in which attacks that score by the answer alone need no shadow models: half of the images are members.

    Args:
        attacks: by the name that each has in results; at least one.

    Raises:
        UserError: there is none, or one whose queries are its own.
    """

    def __init__(self, *, attacks: dict[str, AnswerAttack]) -> None:
        super().__init__(attacks=attacks)
        self.least_shadows = max(0 if one.scores_alone else one.least_shadows for one in attacks.values())

    def run(self, service: Service, auxiliary: Auxiliary, *, seed: int) -> list[Inference]:
        """Run every attack on the same answers; without shadow models the higher half are called members."""
        if auxiliary.shadows:
            return super().run(service, auxiliary, seed=seed)
        answers = plain_answers(listener(service), auxiliary)
        scores = {name: attack.score(answers, auxiliary) for name, attack in self.attacks.items()}
        return [
            Inference(name, Knowledge.ADAPTIVE, values, values >= np.median(values)) for name, values in scores.items()
        ]
