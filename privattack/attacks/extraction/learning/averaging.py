"""Answers averaged over several queries of an image: what beats noise."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from privattack.service import Service

MOVES = [(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)]


class Averaged(Service):
    """A service as an attack sees it that averages: each answer is the mean probability over several queries.

    Args:
        repeats: how many an image takes.
        copies: whether they are about shifted copies of it; there are 9.
    """

    def __init__(self, service: Service, *, repeats: int, copies: bool) -> None:
        self._inner = service
        self.reveals, self.imitation = service.reveals, service.imitation
        self.repeats = min(repeats, len(MOVES)) if copies else repeats
        self.moves = MOVES[: self.repeats] if copies else [(0, 0)] * self.repeats

    def query(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Answer a batch of images; see `Service.query`."""
        asked = [pad(pixels, (right, -right, down, -down)) for right, down in self.moves]
        answers = self._inner.query(torch.cat(asked)).unflatten(0, (self.repeats, -1))
        return answers.logsumexp(dim=0).log_softmax(dim=1)
