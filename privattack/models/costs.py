"""What trainings take: kept beside each model, and what it says of trainings to come.

A training goes through `members` images in each epoch, forwards and backwards, and then answers about others, forwards
only, which takes about a third. Seconds are proportional to that work, by a rate for each network, recipe and
device, which is the median of what was measured.
"""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from privattack.models.devices import name_of


@dataclass(frozen=True)
class Work:
    """How much there is to do for one model.

    Attributes:
        members: images of an epoch.
        answered: images that it answers about afterwards.
    """

    members: int
    epochs: int
    answered: int

    @property
    def images(self) -> float:
        """How many images it is as if one had learnt."""
        return self.members * self.epochs + self.answered / 3

    def cost(self, seconds: float, device: torch.device) -> dict[str, float | str]:
        """Return what is kept of a training that has taken so many seconds."""
        return {"seconds": seconds, **vars(self), "device": name_of(device)}


@dataclass(frozen=True)
class Rate:
    """Seconds of an image learnt, by so many trainings that were measured."""

    seconds: float
    measured: int


def rates(kept: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], address: Mapping[str, Any]) -> dict[str, Rate]:
    """Return the rate on each device where this network was trained as here, for however long.

    Args:
        kept: addresses of stored models, and their costs.
        address: of a model that is to be trained, as JSON gives it back.
    """
    found: dict[str, list[float]] = {}
    for other, cost in kept:
        if cost and other["network"] == address["network"] and _timed(other) == _timed(address):
            work = Work(cost["members"], cost["epochs"], cost["answered"])
            found.setdefault(cost["device"], []).append(cost["seconds"] / work.images)
    return {device: Rate(statistics.median(seconds), len(seconds)) for device, seconds in found.items()}


def _timed(address: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a recipe decides how long an image takes."""
    return {name: value for name, value in address["recipe"].items() if name not in ("epochs", "lr", "gamma")}


@dataclass(frozen=True)
class Workers:
    """Who trains a bank.

    Attributes:
        at_once: how many workers there are.
        in_a_row: how many models a worker is given at a time.
        start: seconds until a worker is ready.
        anew: whether a worker starts again for each part, as a job does, and is paid only while it works.
        price: money for an hour of one.
    """

    at_once: int
    start: float
    price: float
    in_a_row: int = 1
    anew: bool = False

    def parts(self, models: int) -> int:
        """Return how many times a worker is given something."""
        return math.ceil(models / self.in_a_row)

    def hours(self, models: int, *, seconds: float) -> float:
        """Return how long models take, each of which takes a worker so many seconds."""
        parts = self.parts(models)
        rounds = math.ceil(parts / self.at_once)
        # The last part may be short, which counts where the last round has no other.
        short = parts * self.in_a_row - models if (parts - 1) % self.at_once == 0 else 0
        in_turn = rounds * self.in_a_row - short
        starts = rounds if self.anew else min(rounds, 1)
        return (starts * self.start + in_turn * seconds) / 3600

    def money(self, models: int, *, seconds: float) -> float:
        """Return what they cost: workers that start once, and have anything to do, are paid until the last is done."""
        if self.anew:
            return (models * seconds + self.parts(models) * self.start) / 3600 * self.price
        return min(self.at_once, self.parts(models)) * self.hours(models, seconds=seconds) * self.price
