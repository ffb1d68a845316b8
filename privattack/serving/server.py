"""The server process: a target's clients, and Uvicorn around them."""

import logging

import uvicorn

from privattack.serving.admission import Admission
from privattack.serving.app import make_app
from privattack.serving.clients import Clients
from privattack.serving.metrics import Metrics
from privattack.serving.served import Served
from privattack.serving.settings import Serving

log = logging.getLogger(__name__)


def run(served: Served, serving: Serving) -> None:
    """Serve until interrupted: requests that have begun are answered first."""
    clients, metrics = Clients(serving.clients), Metrics()
    clients.let_in_without_key(serving.without_key)
    app = make_app(served, Admission(clients, rate=serving.rate), metrics, most_bytes=serving.most_bytes)
    if serving.metrics_port is not None:
        metrics.serve("127.0.0.1", serving.metrics_port)
    log.info("model %s, version %s: http://%s:%d", served.name, served.version, serving.host, serving.port)
    try:
        uvicorn.run(
            app,
            host=serving.host,
            port=serving.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=30,
        )
    finally:
        clients.close()
