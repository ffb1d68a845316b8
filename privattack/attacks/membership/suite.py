"""Many membership inference attacks on one transcript."""

from collections.abc import Mapping
from typing import Any

from privattack.attacks.membership.base import Inference
from privattack.attacks.membership.shadow import AnswerAttack, Auxiliary, ShadowAttack, listener, plain_answers
from privattack.checks import checked
from privattack.errors import SettingError
from privattack.service import Service


@checked
class Suite(ShadowAttack):
    """Asks once about each image and lets every attack learn from the same answers.

    Args:
        attacks: by the name that each has in results; at least one.

    Raises:
        UserError: there is none, or one whose queries are its own.
    """

    def __init__(self, *, attacks: Mapping[str, Any]) -> None:
        if not attacks:
            raise SettingError({"attacks": attacks}, "needs one attack or more, by name")
        for name, attack in attacks.items():
            if not isinstance(attack, AnswerAttack) or attack.queries > 1:
                raise SettingError(
                    {f"attacks.{name}": attack},
                    "needs an attack that asks once about each image, since all share one transcript; run this one by "
                    "itself",
                )
        self.attacks = dict(attacks)
        self.public = max(attack.public for attack in attacks.values())
        self.least_public = max(attack.least_public for attack in attacks.values())
        self.least_shadows = max(attack.least_shadows for attack in attacks.values())

    def run(self, service: Service, auxiliary: Auxiliary, *, seed: int) -> list[Inference]:
        """Run every attack on the same answers; see the base class."""
        answers = plain_answers(listener(service), auxiliary)
        return [attack.infer(name, answers, auxiliary, seed=seed) for name, attack in self.attacks.items()]
