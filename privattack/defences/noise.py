"""Noise on the probabilities (as in Orekondy et al. 2020 and Lee et al. 2019, who compare with it)."""

import copy
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from privattack.checks import checked
from privattack.defences.base import Counter, Defence, Reveals
from privattack.defences.distributions import probabilities, response
from privattack.defences.draws import Draws, guessed
from privattack.randomness import derive

ENOUGH = 10  # answers to average


@checked
class Noise(Defence):
    """Adds noise to each probability, cuts off what falls below 0, and renormalises.

    Args:
        scale: the noise's standard deviation.
        kind: its distribution.
        keep_label: whether the winner is lifted where it would not stay ahead.
        fresh: whether the same image gets another answer each time it is asked about.
        key: the secret that the noise depends on.
    """

    reveals = Reveals.SCORES

    def __init__(
        self,
        *,
        scale: Annotated[float, Field(ge=0, le=10)] = 0.1,
        kind: Literal["laplace", "gaussian"] = "laplace",
        keep_label: bool = True,
        fresh: bool = False,
        key: Annotated[int, Field(ge=0, lt=2**64)] = 0,
    ) -> None:
        self.scale = scale
        self.kind = kind
        self.keeps_label = self.keep_label = keep_label
        self.stateful = self.fresh = fresh
        self.key = key
        self._draws = Draws(derive(key, "noise"), fresh=fresh)

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        # In single precision a draw may be 1.
        draws = self._draws.uniform(pixels, log_probabilities.shape[1]).double().clamp(1e-9, 1 - 1e-7)
        if self.kind == "gaussian":
            noise = torch.special.ndtri(draws)
        else:
            centred = draws - 0.5
            noise = -centred.sign() * torch.log1p(-2 * centred.abs()) / 2**0.5
        noisy = (probabilities(log_probabilities) + self.scale * noise.to(log_probabilities.device)).clamp(min=0)
        winners = log_probabilities.argmax(dim=1) if self.keep_label else None
        return response(noisy, log_probabilities, winners=winners)

    def session(self, seed: int) -> "Noise":
        """Return the defence with fresh noise of the client's own; noise that follows from the image is everyone's."""
        session = copy.copy(self)
        session._draws = self._draws.session(seed)
        return session

    def imitation(self) -> "Noise":
        """Return the defence with another key."""
        settings = {name: getattr(self, name) for name in ("scale", "kind", "keep_label", "fresh")}
        return Noise(**settings, key=guessed(self.key))

    def counter(self) -> Counter:
        """Return that answers average: to one image where noise is fresh, to its copies where it is not."""
        return Counter(repeats=ENOUGH, copies=not self.fresh)
