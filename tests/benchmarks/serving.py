"""How many images a second the service answers over HTTP, client included, beside a bare FastAPI endpoint.

    python tests/benchmarks/serving.py [--seconds 10] [--clients 4] [--images 64]

The server runs in a process of its own. Images are random, so that none is looked up; every request has a key,
is paid and kept. `remote` is the client that attacks use, with its transcript; others send bytes made before.
"""

import argparse
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import httpx
import numpy as np
import torch

from privattack.models.networks import LeNet
from privattack.models.normalised import Normalised
from privattack.models.remembered import RememberedTarget
from privattack.models.target import Target
from privattack.protocols import v2
from privattack.protocols.base import Layout

SHAPE = (1, 28, 28)


def lenet() -> RememberedTarget:
    """Return an untrained LeNet as a service runs it."""
    torch.set_num_threads(1)
    return RememberedTarget(Target(Normalised(LeNet(classes=10), [0.13], [0.31]), device=torch.device("cpu")))


def serve_ours(port: int, folder: str) -> None:
    """Serve by `privattack.serving`."""
    from privattack.defences.none import NoDefence
    from privattack.serving.served import Served
    from privattack.serving.server import run
    from privattack.serving.settings import Serving

    served = Served("lenet", "1", SHAPE, 10, lenet(), NoDefence(), seed=0, most=1024)
    settings = Serving(port=port, metrics_port=None, clients=f"{folder}/clients.sqlite", without_key=10**9)
    run(served, settings)


def serve_bare(port: int, folder: str) -> None:
    """Serve by an endpoint of five lines: raw bytes in, raw bytes out."""
    import uvicorn
    from fastapi import FastAPI, Request, Response

    app, model = FastAPI(), lenet().model

    @app.post("/v2/models/lenet/infer")
    async def infer(request: Request) -> Response:
        message = v2.decode(await request.body(), request.headers, "inputs")
        answer = model(torch.from_numpy(message.tensors["images"].copy())).numpy()
        body, headers = v2.encode(v2.Message({"log_probabilities": answer}), "outputs", binary=True)
        return Response(body, headers={**headers})

    @app.get("/v2/health/ready")
    async def ready() -> bool:
        return True

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def by_bytes(url: str, seconds: float, clients: int, images: int, *, binary: bool) -> tuple[float, np.ndarray]:
    """Send requests made before; return images a second, and each request's seconds."""
    protocol = v2.V2(model="lenet", input="images", output="log_probabilities", binary=binary)
    bodies = [protocol.request(np.random.default_rng(seed).random((images, *SHAPE), np.float32)) for seed in range(8)]
    took: list[float] = []
    until = time.perf_counter() + seconds

    def ask(number: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while (started := time.perf_counter()) < until:
                body, headers = bodies[number % len(bodies)]
                key = {"Idempotency-Key": f"{number}-{started}"}
                answer = client.post(protocol.path, content=body, headers={**headers, **key})
                assert len(protocol.answer(answer.content, answer.headers)) == images
                took.append(time.perf_counter() - started)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return images * len(took) / (time.perf_counter() - started), np.array(took)


def by_remote(url: str, seconds: float, clients: int, images: int) -> float:
    """Ask as attacks do, with a transcript; return images a second."""
    from privattack.remote.asking import Asker, Session
    from privattack.remote.sender import Sender
    from privattack.remote.transcript import Transcript

    protocol = v2.V2(model="lenet", input="images", output="log_probabilities", binary=True)
    sender = Sender(url, {}, timeout=60.0, retries=3, connections=clients)
    with tempfile.TemporaryDirectory() as folder, Transcript(f"{folder}/transcript.sqlite", {}) as transcript:
        asker = Asker(sender, protocol, Layout(), transcript, batch_size=images, concurrency=clients, rate=None,
                      price=None, resend=False)  # fmt: skip
        session, asked, started = Session(asker, torch.from_numpy, width=10), 0, time.perf_counter()
        random = torch.Generator().manual_seed(0)
        while time.perf_counter() < started + seconds:
            asked += len(session(torch.rand(20 * images, *SHAPE, generator=random)))
        rate = asked / (time.perf_counter() - started)
        asker.close()
    return rate


def measured(serve: Callable[[int, str], None], seconds: float, clients: int, images: int, *, ours: bool) -> None:
    """Print what a server answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(port, folder), daemon=True)
        process.start()
        while True:
            try:
                httpx.get(f"{url}/v2/health/ready")
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        for name, binary in (("binary", True), ("JSON", False)) if ours else (("binary", True),):
            by_bytes(url, 1.0, clients, images, binary=binary)
            rate, took = by_bytes(url, seconds, clients, images, binary=binary)
            p50, p99 = 1e3 * np.quantile(took, [0.5, 0.99])
            print(
                f"{serve.__name__[6:]:5} {name:7} {rate:8,.0f} images/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
                f"{len(took):,} requests"
            )
        if ours:
            print(
                f"{'ours':5} {'remote':7} {by_remote(url, seconds, clients, images):8,.0f} images/s, with a transcript"
            )
        process.terminate()
        process.join()


def main() -> None:
    """Measure the bare endpoint and ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--images", type=int, default=64)
    given = parser.parse_args()
    for serve, ours in ((serve_bare, False), (serve_ours, True), (serve_bare, False)):
        measured(serve, given.seconds, given.clients, given.images, ours=ours)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
