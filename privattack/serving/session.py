"""What a server keeps of a client: its defence, and whether a monitor takes its images for an attack."""

import logging

from jaxtyping import Float
from torch import Tensor

from privattack.defences.base import Defence
from privattack.serving.admission import Refusal
from privattack.serving.metrics import Metrics

log = logging.getLogger(__name__)


class Session:
    """Answers one client, in the order in which its requests came.

    Args:
        defence: as this client meets it.
    """

    def __init__(self, client: str, defence: Defence, metrics: Metrics) -> None:
        self._client = client
        self._defence = defence
        self._metrics = metrics

    def __call__(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        """Return the answer to a request. Raises `Refusal` where a monitor forbids it, for a part or for all."""
        before = self._defence.alarm
        answers = self._defence(log_probabilities, pixels)
        if self._defence.alarm != before:
            self._metrics.alarms.labels(self._client).inc()
            log.warning("client %s: the monitor raised the alarm at image %d.", self._client, self._defence.alarm)
        if not self._defence.answered:
            # Why is the owner's to know.
            raise Refusal(403, "the service does not answer this request.")
        return answers
