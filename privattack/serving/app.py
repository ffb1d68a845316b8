"""The HTTP service: Open Inference Protocol V2, and the lists of MLflow and TensorFlow Serving."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from torch import Tensor

import privattack
from privattack.protocols import v2
from privattack.protocols.base import JSON, Array, ProtocolError
from privattack.protocols.instances import decode_instances, encode_predictions
from privattack.serving.admission import Admission, Refusal
from privattack.serving.batching import Batcher
from privattack.serving.clients import Answer
from privattack.serving.documentation import INFER, INSTANCES, body, refusals
from privattack.serving.metrics import Metrics
from privattack.serving.middleware import Watched
from privattack.serving.served import OUTPUTS, Served
from privattack.serving.session import Session

Encode = Callable[[Tensor], Answer]
REFUSALS = refusals(400, 401, 403, 404, 409, 413, 422, 429)


class Answering:
    """Answers requests: checks, pays, asks the model through the client's defence, and keeps what may be repeated."""

    def __init__(self, served: Served, admission: Admission, metrics: Metrics) -> None:
        self.served = served
        self.admission = admission
        self.metrics = metrics
        self.batcher = Batcher(served.model, observe=metrics.batches.observe)
        self._sessions: dict[str, Session] = {}
        self._now: set[tuple[str, str]] = set()

    async def answer(self, request: Request, client: str, images: Array, encode: Encode) -> Response:
        """Answer what a client asks about images."""
        pixels = self.served.pixels(images)
        key = request.headers.get("Idempotency-Key")
        if key is None:
            self.admission.admit(client, len(pixels), key=None, content=b"")
            said, headers = encode(await self._ask(client, pixels, key))
            return Response(said, headers={**headers})
        # While it is being answered: noise that is new each time could be averaged away for one payment.
        if (client, key) in self._now:
            raise Refusal(409, "the same request is being answered; wait.", {"Retry-After": "1"})
        self._now.add((client, key))
        try:
            content = hashlib.sha256(request.url.path.encode() + b"\0" + await request.body()).digest()
            answer = self.admission.admit(client, len(pixels), key=key, content=content)
            if answer is None:
                answer = encode(await self._ask(client, pixels, key))
                self.admission.clients.keep(client, key, answer)
        finally:
            self._now.remove((client, key))
        said, headers = answer
        return Response(said, headers={**headers})

    async def _ask(self, client: str, pixels: Tensor, key: str | None) -> Tensor:
        if client not in self._sessions:
            self._sessions[client] = Session(client, self.served.session(client), self.metrics)
        try:
            answer = await self.batcher.answer(pixels, self._sessions[client])
        except Refusal:
            self.admission.clients.give_back(client, len(pixels), key=key)
            raise
        self.metrics.images.labels(client).inc(len(pixels))
        return answer


async def _client(
    request: Request,
    key: Annotated[str | None, Depends(APIKeyHeader(name="X-API-Key", auto_error=False))],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> str:
    given = key if bearer is None else bearer.credentials
    admission: Admission = request.app.state.admission
    return admission.client_of(given)


Client = Annotated[str, Depends(_client)]


def make_app(served: Served, admission: Admission, metrics: Metrics, *, most_bytes: int) -> FastAPI:
    """Return the service as an ASGI application.

    Args:
        most_bytes: of a request's body.
    """
    answering = Answering(served, admission, metrics)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(answering.batcher.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app = FastAPI(
        title="privattack", version=privattack.__version__, lifespan=running, max_body_size=most_bytes,
        docs_url=None, redoc_url=None,
    )  # fmt: skip
    app.state.admission = admission
    app.add_middleware(Watched, metrics=metrics)

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> Response:
        headers = None if refusal.headers is None else {**refusal.headers}
        return JSONResponse({"error": str(refusal)}, refusal.status, headers=headers)

    @app.exception_handler(ProtocolError)
    async def not_understood(_: Request, error: ProtocolError) -> Response:
        return JSONResponse({"error": f"{error}."}, 400)

    @app.exception_handler(HTTPException)
    async def not_found(_: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": str(error.detail)}, error.status_code, headers=error.headers)

    def known(model: str, version: str | None = None) -> None:
        if model != served.name or version not in (None, served.version):
            raise Refusal(404, f"there is no such model; there is {served.name}, version {served.version}.")

    @app.get("/v2/health/live")
    @app.get("/v2/health/ready")
    async def healthy() -> dict[str, bool]:
        return {"live": True, "ready": True}

    @app.get("/v2")
    async def server() -> dict[str, Any]:
        return {"name": "privattack", "version": privattack.__version__, "extensions": ["binary_tensor_data"]}

    @app.get("/v2/models/{model}", responses=refusals(404))
    @app.get("/v2/models/{model}/versions/{version}", responses=refusals(404))
    async def metadata(model: str, version: str | None = None) -> dict[str, Any]:
        known(model, version)
        return served.metadata()

    @app.get("/v2/models/{model}/ready", responses=refusals(404))
    @app.get("/v2/models/{model}/versions/{version}/ready", responses=refusals(404))
    async def ready(model: str, version: str | None = None) -> dict[str, Any]:
        known(model, version)
        return {"name": served.name, "ready": True}

    @app.post("/v2/models/{model}/infer", responses=REFUSALS, openapi_extra=body(INFER, binary=True))
    @app.post("/v2/models/{model}/versions/{version}/infer", responses=REFUSALS, openapi_extra=body(INFER, binary=True))
    async def infer(request: Request, client: Client, model: str, version: str | None = None) -> Response:
        known(model, version)
        message = v2.decode(await request.body(), request.headers, "inputs")
        if list(message.tensors) != ["images"]:
            raise Refusal(400, "there is one input, images.")
        return await answering.answer(request, client, message.tensors["images"], _encoder(served, message.rest))

    @app.post("/invocations", responses=REFUSALS, openapi_extra=body(INSTANCES))
    @app.post("/v1/models/{model}:predict", responses=REFUSALS, openapi_extra=body(INSTANCES))
    async def predict(request: Request, client: Client, model: str | None = None) -> Response:
        known(model or served.name)

        def encode(said: Tensor) -> Answer:
            return encode_predictions(OUTPUTS["probabilities"][1](said).numpy()), JSON

        return await answering.answer(request, client, decode_instances(await request.body()), encode)

    return app


def _encoder(served: Served, rest: v2.Rest) -> Encode:
    """Return how a request wants its answer written."""
    asked = v2.outputs_asked(rest)
    unknown = set(asked.names) - OUTPUTS.keys()
    if unknown:
        raise Refusal(400, f"there is no output {sorted(unknown)[0][:50]}; there are {', '.join(OUTPUTS)}.")
    told = {"model_name": served.name, "model_version": served.version}
    if isinstance(rest.get("id"), str):
        told["id"] = rest["id"]

    def encode(said: Tensor) -> Answer:
        tensors = {name: OUTPUTS[name][1](said).numpy() for name in asked.names or OUTPUTS}
        return v2.encode(v2.Message(tensors, told), "outputs", binary=asked.binary)

    return encode
