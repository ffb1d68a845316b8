"""What findings are about, and what they are."""

from dataclasses import dataclass

from privattack.results.naming import attributes
from privattack.results.result import Result


@dataclass(frozen=True)
class Subject:
    """What a finding is about: a result, and the one that differs from it only in having no defence."""

    result: Result
    open_service: Result | None

    @property
    def defence(self) -> str:
        """Its name."""
        return attributes(self.result.run)["defence"]


@dataclass(frozen=True)
class Finding:
    """A sentence, how far beyond its condition the figures are, which orders findings of one kind, and its verdict.

    Where a template can come out differently, only runs with the same verdict count as saying the same.
    """

    strength: float
    sentence: str
    verdict: tuple[str, ...] = ()
