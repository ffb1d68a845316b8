"""What every audit is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from privattack.audits.judges import Verdict
from privattack.models.shadow_bank import ShadowBank
from privattack.service import Service
from privattack.victims import Victim


@dataclass(frozen=True)
class Outcome:
    """What a run's attack came to, judged.

    Attributes:
        verdicts: one per attacker.
        services: one per repetition.
        seconds: what the attack took, queries included.
        curves: the training of surrogates, a row per epoch.
        split: who was asked about, as arrays to be written.
        extra: sections of `result.json` that only this audit has.
    """

    verdicts: Sequence[Verdict]
    services: Sequence[Service]
    seconds: float
    curves: Sequence[dict[str, float]] = ()
    split: dict[str, np.ndarray] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


class Audit(ABC):
    """One attack, what it needs and how it is judged. The constructor checks the settings: nothing is trained yet."""

    def bank(self) -> ShadowBank | None:
        """Train the attacker's shadow models, or take them from the store; None where the attack needs none."""
        return None

    @abstractmethod
    def run(self, victims: Sequence[Victim], bank: ShadowBank | None = None) -> Outcome:
        """Attack each victim and judge what came of it.

        Args:
            victims: the target; or several models that stand in its place.
            bank: what `bank` returned.
        """
