"""What every request meets: an id that its answer has, too, and a count of what became of it."""

import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privattack.serving.metrics import Metrics

ID = "X-Request-Id"


class Watched:
    """Names each request and counts it."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(ID, "")
        name = given if given.isascii() and given.isprintable() and 0 < len(given) <= 100 else uuid.uuid4().hex
        started = time.perf_counter()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[ID] = name
                self.metrics.requests.labels(message["status"]).inc()
                self.metrics.seconds.observe(time.perf_counter() - started)
            await send(message)

        await self.app(scope, receive, named)
