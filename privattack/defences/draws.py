"""Random draws that do not average away: from a secret key and the image's own bytes."""

import copy
import hashlib

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from privattack.randomness import derive


class Draws:
    """The same image gets the same draws; `fresh` ones differ on each query, and with each client.

    Args:
        key: the secret that they depend on, from 0 to 2^64 - 1.
    """

    def __init__(self, key: int, *, fresh: bool) -> None:
        self.key = key
        self.fresh = fresh
        self._client = 0
        self._queries = 0

    def session(self, seed: int) -> "Draws":
        """Return the draws of one client; those that follow from the image are everyone's."""
        session = copy.copy(self)
        session._client, session._queries = seed, 0
        return session

    def uniform(self, pixels: Float[Tensor, "n c h w"], count: int) -> Float[Tensor, "n {count}"]:
        """Return `count` numbers from [0, 1) for each image; images alike in 8 bits are the same."""
        images = (pixels * 255).round().to(torch.uint8).cpu().numpy()
        draws = []
        for image in images:
            secret = self.key.to_bytes(8, "big")
            if self.fresh:
                self._queries += 1
                secret += self._client.to_bytes(8, "big") + self._queries.to_bytes(8, "big")
            draws.append(hashlib.shake_128(secret + image.tobytes()).digest(4 * count))
        integers = np.frombuffer(b"".join(draws), dtype=np.uint32).reshape(len(images), count)
        return torch.from_numpy(integers / 2.0**32).to(torch.float32)


def guessed(key: int) -> int:
    """Return another key, as an attacker has it who knows the defence and not its secret."""
    return derive(key, "imitation")
