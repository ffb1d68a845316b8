"""What Prometheus may read, on a port of its own: other clients' habits are nobody's business."""

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server


class Metrics:
    """Counts of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("privattack_requests", "Requests, by status", ["status"], registry=self.registry)
        self.images = Counter("privattack_images", "Images answered, by client", ["client"], registry=self.registry)
        alarms = "Clients whose images a monitor takes for an attack"
        self.alarms = Counter("privattack_alarms", alarms, ["client"], registry=self.registry)
        self.seconds = Histogram("privattack_request_seconds", "Seconds of a request", registry=self.registry)
        sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
        self.batches = Histogram("privattack_batch_images", "Images of a batch", buckets=sizes, registry=self.registry)

    def serve(self, host: str, port: int) -> None:
        """Serve them at `/metrics` from a thread, as long as the process lives."""
        start_http_server(port, addr=host, registry=self.registry)
