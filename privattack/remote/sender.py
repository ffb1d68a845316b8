"""One request over HTTP, as often as it takes: what is tried again, and what is not."""

import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from queue import SimpleQueue
from urllib.parse import urlsplit

import httpx

from privattack.errors import UserError
from privattack.protocols.base import Headers

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request would bury all others

BUSY = (409, 429, 503)  # nothing was answered, so that nothing is paid
BROKEN = (502, 504)  # somebody between did not get the answer; it may be paid
LONGEST = 60.0  # seconds between two tries, unless the server asks for more
PATIENCE = 600.0  # seconds for which a server may ask


@dataclass(frozen=True)
class Sent:
    """What became of a request.

    Attributes:
        requests: how often it was sent.
        charged: how often of these it may have been paid for.
        slowed: whether the server asked for fewer requests.
        response: the answer; None where there is none.
        why: the server's reason, or the network's, where there is no answer.
        unknown: whether the last try may have been paid for without an answer.
    """

    requests: int
    charged: int
    slowed: bool
    response: httpx.Response | None = None
    why: str = ""
    unknown: bool = False


class Sender:
    """Sends requests to one API, from any number of threads.

    Args:
        url: of the API; its host alone stands in messages.
        headers: sent with every request, never said.
        timeout: seconds for which an answer is waited for.
        retries: how often a request is sent again where the server is busy or the connection breaks; after a status 500
            once at most, for many servers answer a client's own mistake by it.
    """

    def __init__(self, url: str, headers: Headers, *, timeout: float, retries: int, connections: int) -> None:
        self.host = urlsplit(url).netloc
        self.retries = retries
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._connections = connections
        self._stopped = threading.Event()
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        for _ in range(connections):  # daemons: a server that does not answer keeps no process alive
            threading.Thread(target=self._work, daemon=True).start()
        self._client = httpx.Client(base_url=url.rstrip("/"), headers={**headers}, timeout=timeout, limits=limits)

    def get(self, path: str) -> httpx.Response:
        """Return what the API says of itself. Raises UserError where it cannot be reached."""
        try:
            return self._client.get(path)
        except httpx.HTTPError as error:
            raise UserError(f"victim.url: {self.host} cannot be reached ({_reason(error)}); is it running?") from error

    def submit(self, path: str, body: bytes, headers: Headers, *, key: str) -> Future[Sent]:
        """Send a request from another thread; see `post`."""
        future: Future[Sent] = Future()

        def post() -> None:
            try:
                future.set_result(self.post(path, body, headers, key=key))
            except Exception as error:  # whoever waits for the answer sees it
                future.set_exception(error)

        self._tasks.put(post)
        return future

    def post(self, path: str, body: bytes, headers: Headers, *, key: str) -> Sent:
        """Send a request until it is answered, refused, or tried often enough.

        Args:
            key: the same for each try: a server that knows it charges once.
        """
        requests = charged = failures = 0
        slowed = False
        while True:
            requests += 1
            wait, paid = 0.0, False
            try:
                response = self._client.post(path, content=body, headers={**headers, "Idempotency-Key": key})
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                why = _reason(error)  # nothing was sent
            except httpx.HTTPError as error:
                why, paid = _reason(error), True
            else:
                status = response.status_code
                if status < 300:
                    return Sent(requests, charged + 1, slowed, response)
                why, paid = f"status {status}, {_said(response)}", status in BROKEN or status == 500
                slowed |= status in BUSY
                wait = _asked_for(response)
                failures += status == 500
                if (status not in BUSY and status not in BROKEN and status != 500) or failures > 1:
                    return Sent(requests, charged + paid, slowed, None, why, paid)
            charged += paid
            if requests > self.retries or wait > PATIENCE:
                return Sent(requests, charged, slowed, None, why, paid)
            # Spread at random, or many that were refused together would come back together.
            wait = max(wait, min(LONGEST, 0.25 * 2**requests) * random.uniform(0.5, 1))
            log.log(logging.INFO if wait > 1 else logging.DEBUG, "%s: %s; waiting %.1f s.", self.host, why, wait)
            if self._stopped.wait(wait):
                return Sent(requests, charged, slowed, None, why, paid)

    def stop(self) -> None:
        """Try nothing again; what is on its way may still be answered."""
        self._stopped.set()

    def close(self) -> None:
        """Close the connections; nothing is sent any more."""
        self.stop()
        for _ in range(self._connections):
            self._tasks.put(None)
        self._client.close()

    def _work(self) -> None:
        for task in iter(self._tasks.get, None):
            task()


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _said(response: httpx.Response) -> str:
    return " ".join(response.text.split())[:200] or "without a word"


def _asked_for(response: httpx.Response) -> float:
    """Return for how many seconds the server asks to wait, by `Retry-After`: a number, or a date."""
    asked = response.headers.get("Retry-After", "")
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # no date, or one without its time zone
        return 0.0
