"""Canaries: images that a privacy claim is audited by. Whether the target learns each of them is a coin's decision."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from privattack.checks import Count, checked
from privattack.data.images import DataSet, LabelledImages
from privattack.errors import SettingError
from privattack.randomness import generator


class Canaries(ABC):
    """Puts canaries in the place of images of the training part, at its end. An author writes `made`.

    Attributes:
        count: how many there are.
    """

    count: int

    def inserted(self, data: DataSet, *, seed: int) -> DataSet:
        """Return a data set with canaries in the place of as many of its training images, chosen at random.

        Raises:
            SettingError: there are not more training images than canaries.
        """
        if self.count >= len(data.train):
            raise SettingError(
                {"canaries.count": self.count}, f"needs fewer than the {len(data.train)} training images"
            )
        order = torch.randperm(len(data.train), generator=generator(seed, "canaries.places"))
        taken, left = order[: self.count], order[self.count :].sort().values
        canaries = self.made(data.train.take(taken), classes=data.classes, random=generator(seed, "canaries"))
        train = data.train.take(left).join(canaries)
        changed = DataSet.of(data.name, data.classes, train, data.test, mean=data.mean, std=data.std)
        return replace(changed, canaries=self.count)

    @abstractmethod
    def made(self, natural: LabelledImages, *, classes: int, random: torch.Generator) -> LabelledImages:
        """Return a canary for each of these images, no two alike."""


class NoCanaries(Canaries):
    """Leaves the data as it is."""

    count = 0

    def inserted(self, data: DataSet, *, seed: int) -> DataSet:
        """Return the data."""
        return data

    def made(self, natural: LabelledImages, *, classes: int, random: torch.Generator) -> LabelledImages:
        """Return the images."""
        return natural


@checked
@dataclass(frozen=True, kw_only=True)
class Natural(Canaries):
    """Images as they are: what an audit of these proves, it proves of ordinary members."""

    count: Count = 1_000

    def made(self, natural: LabelledImages, *, classes: int, random: torch.Generator) -> LabelledImages:
        """Return the images."""
        return natural


@checked
@dataclass(frozen=True, kw_only=True)
class Mislabelled(Canaries):
    """Images with the name of another class, which a model can only know by heart."""

    count: Count = 1_000

    def made(self, natural: LabelledImages, *, classes: int, random: torch.Generator) -> LabelledImages:
        """Return the images with other labels."""
        shift = torch.randint(1, classes, (len(natural),), generator=random)
        return LabelledImages(natural.images, (natural.labels + shift) % classes)


@checked
@dataclass(frozen=True, kw_only=True)
class Blank(Canaries):
    """Images of one shade of grey, with random labels; those of a shade differ in their first pixel."""

    count: Annotated[int, Field(ge=1, le=256 * 255)] = 1_000

    def made(self, natural: LabelledImages, *, classes: int, random: torch.Generator) -> LabelledImages:
        """Return blank images of the same shape."""
        numbers = torch.arange(len(natural))
        images = (numbers % 256).to(torch.uint8).view(-1, 1, 1, 1).repeat(1, *natural.shape)
        images[:, :, 0, 0] += (numbers // 256).to(torch.uint8).unsqueeze(1)  # beyond white it goes on at black
        return LabelledImages(images, _labels(len(natural), classes, random))


@checked
@dataclass(frozen=True, kw_only=True)
class OutOfDistribution(Canaries):
    """Images of uniform noise, with random labels."""

    count: Count = 1_000

    def made(self, natural: LabelledImages, *, classes: int, random: torch.Generator) -> LabelledImages:
        """Return noise of the same shape."""
        images = torch.randint(0, 256, natural.images.shape, generator=random).to(torch.uint8)
        return LabelledImages(images, _labels(len(natural), classes, random))


def _labels(count: int, classes: int, random: torch.Generator) -> Int64[Tensor, " n"]:
    return torch.randint(0, classes, (count,), generator=random)
