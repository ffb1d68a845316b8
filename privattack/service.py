"""The service: all that an attacker can touch."""

import time
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from privattack.data.images import digests
from privattack.defences.base import Defence, Reveals


class BudgetExceeded(Exception):
    """An attack asked for more images than its budget; nothing of the query was answered."""


class Service:
    """A target behind a defence and a budget.

    The target itself is out of reach: the service keeps only a function that answers, and the defence without its
    secrets, as whoever knows it can run it.

    Args:
        target: maps pixels in [0, 1], `(n, c, h, w)`, to log-probabilities `(n, classes)`.
        defence: what stands between the target and the response.
        budget: how many images may be asked about, repeats counted.
    """

    def __init__(self, target: Callable[[Tensor], Tensor], defence: Defence, *, budget: int) -> None:
        def answer(pixels: Tensor) -> Tensor:
            return defence(target(pixels), pixels)

        self._answer = answer
        self._alarm = lambda: defence.alarm
        self.reveals: Reveals = defence.reveals
        self.imitation: Defence = defence.imitation()
        self.budget = budget
        self.images = 0
        self.refused = 0
        self.rounds = 0
        self.seconds = 0.0
        self._seen: set[bytes] = set()

    @property
    def remaining(self) -> int:
        """How many images may still be asked about."""
        return self.budget - self.images

    @property
    def unique_images(self) -> int:
        """How many different images were asked about."""
        return len(self._seen)

    @property
    def alarm(self) -> int | None:
        """How many images had been asked about when a monitor raised the alarm; None where none did."""
        return self._alarm()

    def query(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Answer a batch of images, pixels in [0, 1], with log-probabilities after the defence.

        Raises:
            BudgetExceeded: the batch is larger than what remains of the budget.
        """
        if len(pixels) > self.remaining:
            self.refused += len(pixels)
            raise BudgetExceeded(
                f"budget={self.budget}: {self.images} images were asked, so {len(pixels)} more are refused; "
                f"ask for at most {self.remaining}."
            )
        self.images += len(pixels)
        self.rounds += 1
        started = time.perf_counter()
        response = self._answer(pixels)
        self.seconds += time.perf_counter() - started
        self._seen.update(digests(pixels))
        return response
