"""A small service in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from torch import Tensor

from privattack.defences.base import Defence
from privattack.defences.none import NoDefence
from privattack.models.remembered import RememberedTarget
from privattack.serving.admission import Admission
from privattack.serving.app import make_app
from privattack.serving.clients import Clients
from privattack.serving.metrics import Metrics
from privattack.serving.served import Served


@contextmanager
def application(
    target: Callable[[Tensor], Tensor],
    folder: Path,
    *,
    defence: Defence | None = None,
    rate: int | None = None,
    without_key: int | None = 1_000,
) -> Iterator[tuple[FastAPI, Clients, Metrics]]:
    """Yield a service, who is allowed in and at what cost, and what is counted."""
    clients, metrics = Clients(folder / "clients.sqlite"), Metrics()
    clients.let_in_without_key(without_key)
    served = Served(
        name="toy", version="1", shape=(1, 28, 28), classes=10, model=RememberedTarget(target),
        defence=defence or NoDefence(), seed=0, most=64,
    )  # fmt: skip
    yield make_app(served, Admission(clients, rate=rate), metrics, most_bytes=2**20), clients, metrics
    clients.close()


@contextmanager
def service(
    target: Callable[[Tensor], Tensor], folder: Path, **settings: Any
) -> Iterator[tuple[TestClient, Clients, Metrics]]:
    """Yield a client of `application`, and the rest."""
    with application(target, folder, **settings) as (app, *counts), TestClient(app) as client:
        yield client, *counts
