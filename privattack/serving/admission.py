"""What a request meets before the model: whose key it is, how fast its client asks, and what its budget has left."""

import math
import time
from collections.abc import Mapping

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from privattack.serving.clients import Answer, BudgetSpent, Clients, OtherRequest


class Refusal(Exception):
    """A request is refused, in one sentence.

    Args:
        status: of HTTP: 4xx but 409 and 429 is final, the same request would meet it again.
    """

    def __init__(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers


class Admission:
    """Lets requests in, or refuses them.

    Args:
        rate: how many images a client may ask about in any minute; None for any number.
    """

    def __init__(self, clients: Clients, *, rate: int | None) -> None:
        self.clients = clients
        self._rate = None if rate is None else RateLimitItemPerMinute(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def client_of(self, key: str | None) -> str:
        """Return whose key a request has, or raise `Refusal`."""
        client = self.clients.known(key)
        if client is None:
            why = "the request has no API key" if key is None else "the API key is none of this service's"
            raise Refusal(401, f"{why}; send one as X-API-Key.", {"WWW-Authenticate": "Bearer"})
        return client

    def admit(self, client: str, images: int, *, key: str | None, content: bytes) -> Answer | None:
        """Count a request's images; see `Clients.pay`. Raises `Refusal`, and nothing is counted."""
        if self._rate is not None and not self._limiter.test(self._rate, client, cost=images):
            if images > self._rate.amount:
                raise Refusal(
                    400, f"{images} images are more than may be asked about in a minute, {self._rate.amount}."
                )
            reset = self._limiter.get_window_stats(self._rate, client).reset_time
            wait = str(max(1, math.ceil(reset - time.time())))
            raise Refusal(429, f"more than {self._rate.amount} images in a minute; wait.", {"Retry-After": wait})
        try:
            answer = self.clients.pay(client, images, key=key, content=content)
        except BudgetSpent as error:
            spent, budget = self.clients.spent(client)
            raise Refusal(403, f"the budget of {budget} images has {budget - spent} left.") from error
        except OtherRequest as error:
            raise Refusal(422, "this Idempotency-Key belongs to another request; use a new one.") from error
        if self._rate is not None and answer is None:
            self._limiter.hit(self._rate, client, cost=images)
        return answer
