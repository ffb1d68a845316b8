"""What findings are about, and what they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from privattack.measurement import Measurement
from privattack.results.differences import difference
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

    def gap(self, first: Sequence[str], second: Sequence[str], *, comparisons: int = 1) -> Measurement:
        """Return by how much the best attacker of some knowledge exceeds the best of another, by the same metric."""
        metric = compared_by(self.result)
        ours, theirs = (best(self.result, *knowledge, metric=metric) for knowledge in (first, second))
        if ours is None or theirs is None:
            return Measurement.missing(0, "no such attacker")
        return difference(ours, theirs, metric, comparisons=comparisons)


@dataclass(frozen=True)
class Finding:
    """A sentence, how far beyond its condition the figures are, which orders findings of one kind, and its verdict.

    Where a template can come out differently, only runs with the same verdict count as saying the same; that of a
    defence's own figures has its name.
    """

    strength: float
    sentence: str
    verdict: tuple[str, ...] = ()


def joined(words: list[str]) -> str:
    """Return words as a list is read aloud: `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def aloud(title: str) -> str:
    """Return a run's name as it is read: no defence is called so, and a budget is so many queries."""
    parts = ["no defence" if part == "none" else part for part in title.split(", ")]
    return ", ".join(
        f"{part.removeprefix('budget ')} queries" if part.startswith("budget ") else part for part in parts
    )
