"""A number, its 95 % interval and what it was measured on: the only form in which results are given."""

import math
from dataclasses import dataclass
from typing import NamedTuple


class Known(NamedTuple):
    """A figure that is there, and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Measurement:
    """A figure with its 95 % interval [low, high], measured on n images.

    A figure that cannot be given has no value and no interval; `why` says the reason. `sd` (sample standard
    deviation, None for a single repetition) and `repetitions` are set only by `over_repetitions`. `note` says what a
    reader must know to take a figure for what it is.

    Raises ValueError where the value lies outside its interval or is infinite, where a missing one lacks its reason, or
    where n is negative.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    why: str | None = None
    sd: float | None = None
    repetitions: int | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError(f"a measurement is of 0 images or more, got {self}")
        if self.value is None or self.low is None or self.high is None:
            if not (self.value is None and self.low is None and self.high is None and self.why):
                raise ValueError(f"a missing measurement has no value, no interval and a reason, got {self}")
        elif not -math.inf < self.low <= self.value <= self.high < math.inf or self.why is not None:
            raise ValueError(f"a measurement lies in its interval and needs no reason, got {self}")

    @classmethod
    def missing(cls, n: int, why: str) -> "Measurement":
        """Return the measurement of what cannot be given, for the reason `why`."""
        return cls(value=None, low=None, high=None, n=n, why=why)

    @property
    def given(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @property
    def known(self) -> Known:
        """The figure and its interval. Raises ValueError where they are missing."""
        if self.value is None or self.low is None or self.high is None:
            raise ValueError(f"the measurement is missing: {self.why}")
        return Known(self.value, self.low, self.high)

    def to_json(self) -> dict[str, float | int | str | None]:
        """Return the form in which `result.json` holds a measurement.

        >>> Measurement.missing(0, "no images").to_json()
        {'value': None, 'low': None, 'high': None, 'n': 0, 'why': 'no images'}
        """
        document: dict[str, float | int | str | None]
        document = {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
        if self.repetitions is not None:
            document |= {"sd": self.sd, "repetitions": self.repetitions}
        if self.why is not None:
            document["why"] = self.why
        if self.note is not None:
            document["note"] = self.note
        return document
