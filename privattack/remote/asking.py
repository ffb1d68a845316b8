"""Asking an API about images: each answer once, several requests at a time, fewer where the server is busy."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from privattack.data.images import digests
from privattack.errors import UserError
from privattack.protocols.base import Layout, Protocol, ProtocolError
from privattack.remote.sender import Sender, Sent
from privattack.remote.transcript import Intent, Query, Transcript

log = logging.getLogger(__name__)

SAID_EVERY = 10.0  # seconds between two words on progress
LINGER = 5.0  # seconds for which answers on their way are waited for when all else ends


class Asker:
    """Asks one endpoint.

    Args:
        layout: how pixels become the API's numbers.
        batch_size: images of a request.
        concurrency: how many requests may be under way; it grows by one with each round that goes well, and is halved
            where the server asks for fewer.
        rate: images in a second at most; None for any number.
        price: of a thousand images.
        resend: whether what was in flight when a run was killed is sent again.
        offline: whether nothing may be sent.

    Attributes:
        asked: images that were asked about.
        requests: how often something was sent.
        sent: images that were sent and may have been charged.
    """

    def __init__(
        self,
        sender: Sender,
        protocol: Protocol,
        layout: Layout,
        transcript: Transcript,
        *,
        batch_size: int,
        concurrency: int,
        rate: float | None,
        price: float | None,
        resend: bool,
        offline: bool = False,
    ) -> None:
        self._sender = sender
        self._protocol = protocol
        self._layout = layout
        self._transcript = transcript
        self._batch_size = batch_size
        self._most = concurrency
        self._at_once = min(2.0, concurrency)
        self._rate = rate
        self._price = price
        self._resend = resend
        self._offline = offline
        self._earliest = 0.0
        self.asked = self.requests = self.sent = 0

    @property
    def money(self) -> float | None:
        """What the images sent cost; None where no price is set."""
        return None if self._price is None else self._price * self.sent / 1_000

    def unpaid(self, queries: Sequence[Query]) -> int:
        """Return how many of these queries the transcript has no answer to."""
        return len(queries) - len(self._transcript.answers(queries))

    def ask(self, pixels: Float[Tensor, "n c h w"], queries: Sequence[Query]) -> Float64[np.ndarray, "n numbers"]:
        """Return the answers, from the transcript as far as they are there.

        Args:
            queries: the pixels' digests, each with how often the session had asked about it before.

        Raises:
            UserError: the API refuses, cannot be reached, or answers something else.
        """
        self.asked += len(queries)
        known = self._transcript.answers(queries)
        places = {query: place for place, query in enumerate(queries)}
        left = [query for query in queries if query not in known]
        if left and self._offline:
            raise UserError(
                f"victim.offline=true: {len(left)} of {len(queries)} images are not in the transcript; "
                "victim.offline=false asks about them."
            )
        again = self._in_flight(left)
        resent = {query for intent in again for query in intent.queries}
        left = [query for query in left if query not in resent]
        size = self._batch_size
        batches = [left[start : start + size] for start in range(0, len(left), size)]
        self._send_all([*again, *batches], pixels.numpy(), places, known)
        return np.stack([known[query] for query in queries])

    def close(self) -> None:
        """Close the connections; nothing is sent any more."""
        self._sender.close()

    def _in_flight(self, queries: Sequence[Query]) -> list[Intent]:
        """Return requests that a killed run left, to be sent again as they were."""
        intents = self._transcript.unanswered(queries)
        images = sum(len(intent.queries) for intent in intents)
        if intents and not self._resend:
            raise UserError(
                f"victim.resend=false: {images} images were under way when a run was killed, and may have been paid; "
                "victim.resend=true sends them again, for which a server that knows Idempotency-Key does not charge."
            )
        wanted, whole = set(queries), []
        for intent in intents:
            if wanted.issuperset(intent.queries):
                whole.append(intent)
            else:  # the run asks otherwise than the one that was killed
                self._transcript.forget(intent)
        return whole

    def _send_all(
        self,
        work: Sequence[Intent | Sequence[Query]],
        pixels: np.ndarray,
        places: dict[Query, int],
        known: dict[Query, np.ndarray],
    ) -> None:
        """Send requests, several at a time, and write down their answers as they come."""
        waiting, running = [*work], dict[Future[Sent], Intent]()
        started = said = time.monotonic()
        total, done, failed = sum(map(_size, work)), 0, ""
        try:
            while running or (waiting and not failed):
                while waiting and not failed and len(running) < int(self._at_once):
                    one = waiting.pop(0)
                    queries = one.queries if isinstance(one, Intent) else one
                    images = self._layout.encode(pixels[[places[query] for query in queries]])
                    body, headers = self._protocol.request(images)  # may refuse: nothing is written yet
                    self._pace(len(queries))
                    intent = one if isinstance(one, Intent) else self._transcript.intend(one)
                    running[self._sender.submit(self._protocol.path, body, headers, key=intent.key)] = intent
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    failed = self._finish(running[future], future.result(), known) or failed
                    done += len(running.pop(future).queries)
                if time.monotonic() > said + SAID_EVERY:
                    said = time.monotonic()
                    self._say(done, total, said - started)
        finally:
            if running:  # Ctrl-C, or an error
                self._sender.stop()
                log.info("victim: waiting up to %.0f s for answers that are on their way.", LINGER)
                for future in wait(running, LINGER).done:
                    if future.exception() is None:
                        self._finish(running[future], future.result(), known)
        if failed:
            raise UserError(failed)

    def _finish(self, intent: Intent, sent: Sent, known: dict[Query, np.ndarray]) -> str:
        """Write down what became of a request, and return why it failed, if it did."""
        images = len(intent.queries)
        self.requests += sent.requests
        self.sent += images * sent.charged
        self._at_once = (
            max(1.0, self._at_once / 2) if sent.slowed else min(self._most, self._at_once + 1 / self._at_once)
        )
        host = self._sender.host
        if sent.response is None:
            if not (intent.sent_before or sent.unknown or sent.charged):
                self._transcript.forget(intent)
            return f"victim.url: {host} does not answer {images} images ({sent.why}); what it answered before is kept."
        try:
            answer = self._protocol.answer(sent.response.content, sent.response.headers)
        except ProtocolError as error:
            return f"victim.url: {host} answers otherwise than victim.protocol says: {error}."
        if answer.shape[:1] != (images,) or answer.ndim > 2:
            return f"victim.url: {host} answers {answer.shape} for {images} images; it needs a row for each."
        rows = answer.reshape(images, -1).astype(np.float64)
        self._transcript.answered(intent, rows)
        known.update(zip(intent.queries, rows, strict=True))
        return ""

    def _pace(self, images: int) -> None:
        """Wait until the rate allows so many images."""
        if self._rate is not None:
            now = time.monotonic()
            time.sleep(max(0.0, self._earliest - now))
            self._earliest = max(self._earliest, now) + images / self._rate

    def _say(self, done: int, total: int, seconds: float) -> None:
        money = "" if self.money is None else f", {self.money:.2f} spent"
        left = seconds * (total - done) / max(done, 1)
        log.info("victim: %d of %d images answered%s, about %.0f s left.", done, total, money, left)


def _size(work: Intent | Sequence[Query]) -> int:
    return len(work.queries) if isinstance(work, Intent) else len(work)


class Session:
    """One client's questions: an image that is asked about again is another query.

    Args:
        tell: makes log-probabilities of answers.
        width: how many numbers an answer has then.
    """

    def __init__(self, asker: Asker, tell: Callable[[np.ndarray], Tensor], *, width: int) -> None:
        self._asker = asker
        self._width = width
        self._tell = tell
        self._asked: Counter[bytes] = Counter()

    def queries(self, pixels: Float[Tensor, "n c h w"]) -> list[Query]:
        """Return what asking about these pixels next would ask."""
        before, queries = self._asked.copy(), []
        for digest in digests(pixels):
            queries.append((digest, before[digest]))
            before[digest] += 1
        return queries

    def __call__(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Return what the API says of pixels in [0, 1]."""
        if len(pixels) == 0:
            return torch.empty(0, self._width)
        queries = self.queries(pixels)
        self._asked.update(digest for digest, _ in queries)
        return self._tell(self._asker.ask(pixels, queries))
