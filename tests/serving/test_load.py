"""Many clients at once, and every request that OpenAPI allows: no answer is lost, no budget overrun, no status 5xx."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from privattack.protocols.v2 import V2
from tests.remote.serving import listening
from tests.serving.served import application

pytestmark = pytest.mark.slow


@pytest.fixture
def app(planted_target, tmp_path: Path):
    """Return the application and its clients."""
    with application(planted_target, tmp_path, without_key=10**6) as (made, clients, _):
        yield made, clients


def test_sixty_four_clients_and_ten_thousand_requests(app, planted_target):
    application, clients = app
    requests, workers, size = 10_000, 64, 2
    budgets = {f"client{number}": 300 for number in range(workers)}  # 64 x 150 requests are paid, the rest refused
    keys = [clients.add(name, budget=budget) for name, budget in budgets.items()]
    pixels = torch.rand(requests, size, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    protocol = V2(model="toy", input="images", output="log_probabilities", binary=True)
    local = threading.local()

    def ask(number: int) -> int:
        if not hasattr(local, "client"):
            local.client = httpx.Client(timeout=120)
        body, headers = protocol.request(pixels[number].numpy())
        said = {**headers, "X-API-Key": keys[number % workers], "Idempotency-Key": str(number)}
        answer = local.client.post(url + protocol.path, content=body, headers=said)
        if answer.status_code == 200:
            expected = planted_target(pixels[number]).numpy()
            assert np.array_equal(protocol.answer(answer.content, answer.headers), expected)
        return answer.status_code

    with listening(application) as url, ThreadPoolExecutor(workers) as threads:
        statuses = [*threads.map(ask, range(requests))]
    answered = statuses.count(200)
    assert answered + statuses.count(403) == requests
    assert answered == sum(budget // size for budget in budgets.values())
    assert all(clients.spent(name) == (budget, budget) for name, budget in budgets.items())


def test_no_request_that_openapi_allows_or_forbids_breaks_the_server(app):
    schemathesis = pytest.importorskip("schemathesis")
    application, _ = app
    failures = []
    schema = schemathesis.openapi.from_asgi("/openapi.json", application)
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in schemathesis.GenerationMode:
            case_of = operation.as_strategy(generation_mode=mode)
            failures += _broken(case_of)
    assert failures == []


def _broken(case_of) -> list[str]:
    failures = []

    @settings(max_examples=50, database=None, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=case_of)
    def each(case) -> None:
        status = case.call().status_code
        if status >= 500:
            failures.append(f"{status}: {case.method} {case.formatted_path}")

    with suppress(Unsatisfiable):  # what takes nothing can be asked nothing that is forbidden
        each()
    return failures
