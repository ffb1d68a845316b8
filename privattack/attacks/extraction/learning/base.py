"""What every way to learn from distorted answers is, and which of them a run takes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from privattack.checks import checked
from privattack.data.query_pool import QueryPool
from privattack.defences.base import Defence, Reveals
from privattack.errors import SettingError
from privattack.models.surrogate import Loss, SurrogateTrainer, kl_divergence


@dataclass(frozen=True)
class Transcript:
    """What a learner has: what each repetition asked and was answered, and all that the attackers own beside it.

    Attributes:
        images: pixels in [0, 1].
        responses: log-probabilities.
        imitation: the defence as the attackers run it on models of their own.
        surrogates: how models are trained.
        seeds: one per repetition.
    """

    images: Float[Tensor, "repetitions n c h w"]
    responses: Float[Tensor, "repetitions n classes"]
    pool: QueryPool
    imitation: Defence
    surrogates: SurrogateTrainer
    seeds: Sequence[int]


class Learner(ABC):
    """Turns answers into what surrogates are taught. An author writes `answers`, and sets `loss` where it is another.

    Attributes:
        loss: by which surrogates learn what `answers` returns.
    """

    loss: Loss = staticmethod(kl_divergence)

    @abstractmethod
    def answers(self, transcript: Transcript) -> Float[Tensor, "repetitions n classes"]:
        """Return the log-probabilities that surrogates learn in place of the responses."""

    def trainer(self, transcript: Transcript) -> SurrogateTrainer | None:
        """Return how surrogates are trained; None where it is as the attack trains them."""
        return None


@checked
class Learning:
    """The learners of a run, fixed before anything is measured.

    Args:
        learners: by the name that each has in results.
        average: whether there is one who asks about each image several times, with a budget of their own, where a
            defence's noise averages away.
        always: whether they learn from any answers; otherwise only where a defence distorts the scores that it reveals,
            and whoever knows of such a defence would try them. The single learner of a run then chooses queries, too.
    """

    def __init__(self, *, learners: Mapping[str, Any], average: bool = False, always: bool = False) -> None:
        for name, learner in learners.items():
            if not isinstance(learner, Learner):
                raise SettingError({f"learners.{name}": learner}, "needs a _target_ that names a Learner")
        self.learners: dict[str, Learner] = dict(learners)
        self.average = average
        self.always = always

    def against(self, defence: Defence) -> dict[str, Learner]:
        """Return those who learn from a defence's answers."""
        return self.learners if self.always or _distorted(defence) else {}

    def averages(self, defence: Defence) -> bool:
        """Say whether answers of a defence are averaged."""
        return self.average and (self.always or _distorted(defence)) and defence.counter().repeats > 1

    def guide(self) -> tuple[str, Learner] | None:
        """Return the learner whose surrogates choose queries, where an attack chooses by surrogates."""
        return next(iter(self.learners.items())) if self.always and len(self.learners) == 1 else None


def _distorted(defence: Defence) -> bool:
    return defence.reveals is Reveals.SCORES and defence.distorts
