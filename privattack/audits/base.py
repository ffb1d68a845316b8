"""What every audit is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from privattack.audits.judges import Verdict
from privattack.models.trained_target import TrainedTarget
from privattack.service import Service


@runtime_checkable
class MakeService(Protocol):
    """Stands a target up behind the run's defence, and the run's budget where no other is given."""

    def __call__(self, target: TrainedTarget, budget: int | None = None) -> Service:
        """Return the service."""


@dataclass(frozen=True)
class Outcome:
    """What a run's attack came to, judged.

    Attributes:
        verdicts: one per attacker.
        targets: the models that were attacked, one or several.
        services: one per repetition.
        seconds: what the attack took, queries included.
        curves: the training of surrogates, a row per epoch.
        split: who was asked about, as arrays to be written.
        timings: seconds of what only this audit does, by name.
        extra: sections of `result.json` that only this audit has.
    """

    verdicts: Sequence[Verdict]
    targets: Sequence[TrainedTarget]
    services: Sequence[Service]
    seconds: float
    curves: Sequence[dict[str, float]] = ()
    split: dict[str, np.ndarray] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


class Audit(ABC):
    """One run of one attack. The constructor checks the settings, before anything is trained."""

    @abstractmethod
    def run(self, obtain_target: Callable[[], TrainedTarget], serve: MakeService) -> Outcome:
        """Attack the target, or other models in its place, and judge what came of it.

        Args:
            obtain_target: trains the target or takes it from the store.
            serve: see `MakeService`.
        """
