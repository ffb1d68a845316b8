"""What findings are about, and what they are."""

from dataclasses import dataclass

from privattack.measurement import Measurement
from privattack.results.figures import QUERYING, best, compared_by
from privattack.results.naming import attributes
from privattack.results.result import Attacker, Result


@dataclass(frozen=True)
class Subject:
    """What a finding is about: a result, and the one that differs from it only in having no defence."""

    result: Result
    open_service: Result | None

    @property
    def defence(self) -> str:
        """Its name."""
        return attributes(self.result.run)["defence"]

    @property
    def querying(self) -> list[Attacker]:
        """The attackers who query the service."""
        return self.result.having(*QUERYING)

    def best(self, *knowledge: str, metric: str | None = None) -> Measurement:
        """Return the figure of the best attacker of some knowledge, by the metric that runs are compared by."""
        metric = metric or compared_by(self.result)
        attacker = best(self.result, *knowledge, metric=metric)
        return attacker.figure(metric) if attacker else Measurement.missing(0, "no such attacker")


@dataclass(frozen=True)
class Finding:
    """A sentence, how far beyond its condition the figures are, which orders findings of one kind, and its verdict.

    Where a template can come out differently, only runs with the same verdict count as saying the same.
    """

    strength: float
    sentence: str
    verdict: tuple[str, ...] = ()


def joined(words: list[str]) -> str:
    """Return words as a list is read aloud: `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
