"""A server of ours on the loopback, in a thread of this process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from privattack.serve import served_by
from privattack.serving.admission import Admission
from privattack.serving.app import make_app
from privattack.serving.clients import Clients
from privattack.serving.metrics import Metrics
from tests.composing import composed


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """Yield the address of an application."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def app_of(folder: Path, *overrides: str, without_key: int = 10**6, **admission: Any) -> tuple[FastAPI, Clients]:
    """Return an application that serves what settings say, and its clients."""
    served = served_by(composed(*overrides), name="toy", most=1024)
    clients = Clients(folder / "clients.sqlite")
    clients.let_in_without_key(without_key)
    return make_app(served, Admission(clients, **{"rate": None} | admission), Metrics(), most_bytes=2**26), clients
