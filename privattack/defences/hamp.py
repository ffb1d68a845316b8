"""HAMP: high-entropy training, and answers of which only the order of the classes is the target's.

Chen & Pattabiraman 2024, "Overconfidence is a dangerous thing", section IV.
"""

import copy
from collections.abc import Callable
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import pad

from privattack.checks import Few, checked
from privattack.defences.distributions import probabilities, response
from privattack.defences.draws import Draws, guessed
from privattack.defences.owner import Owner
from privattack.defences.trained import Trained
from privattack.models.recipes import Supervised
from privattack.randomness import generator


@checked
class Hamp(Trained):
    """Answers the scores of an image of random pixels, in the order of the image's own scores.

    Which random image follows from a secret key and the image's 8-bit pixels: the same image gets the same answer.

    Args:
        training: makes the recipe.
        images: how many random images the target answers beforehand.
        key: the secret that they, and the choice among them, depend on.
    """

    distorts = True

    def __init__(
        self,
        *,
        training: Callable[..., Supervised],
        images: Few = 1_000,
        key: Annotated[int, Field(ge=0, lt=2**64)] = 0,
    ) -> None:
        super().__init__(training=training)
        self.images = images
        self.key = key
        self._draws = Draws(key, fresh=False)
        self._scores: Float[Tensor, "images classes"] | None = None

    def fitted(self, owner: Owner) -> "Hamp":
        """Return the defence with what the target answers about the random images."""
        fitted = copy.copy(self)
        stream = generator(self.key, "hamp")
        pixels = torch.randint(0, 256, (self.images, *owner.images.shape), generator=stream) / 255
        fitted._scores = probabilities(owner.answers(pixels)).sort(dim=1, descending=True).values
        return fitted

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        assert self._scores is not None
        numbers = (self._draws.uniform(pixels, 1).squeeze(1) * self.images).long().clamp(max=self.images - 1)
        order = log_probabilities.argsort(dim=1, descending=True, stable=True)
        scores = pad(self._scores[numbers], (0, order.shape[1] - self._scores.shape[1]))
        weights = torch.empty_like(scores).scatter(1, order.cpu(), scores)
        return response(weights, log_probabilities, winners=order[:, 0].cpu())

    def imitation(self) -> "Hamp":
        """Return the defence with another key."""
        other = copy.copy(self)
        other.key = guessed(self.key)
        other._draws = Draws(other.key, fresh=False)
        return other
