"""Images in memory: the only form in which data travels through the program."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped, UInt8
from torch import Tensor

Shape = tuple[int, int, int]  # channels, height, width


def digests(pixels: Shaped[Tensor, "n c h w"]) -> list[bytes]:
    """Return what tells one image from another: a hash of its pixels' bytes, 16 bytes each."""
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in pixels.contiguous().numpy()]


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one shape and their classes, n of each; grey images have one channel."""

    images: UInt8[Tensor, "n c h w"]
    labels: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> Shape:
        """An image's channels, height and width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @cached_property
    def digests(self) -> list[bytes]:
        """Each image's digest, as the service sees it."""
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # hashing lets go of Python's lock
            parts = threads.map(lambda part: digests(part.pixels()), self.parts(1_000))
            return [digest for part in parts for digest in part]

    @cached_property
    def names(self) -> np.ndarray:
        """Each image's name in tables: the first 16 hexadecimal digits of its digest."""
        return np.array([digest.hex()[:16] for digest in self.digests], dtype="U16")

    def parts(self, size: int) -> Iterator["LabelledImages"]:
        """Go through the images, `size` at a time."""
        return map(LabelledImages, self.images.split(size), self.labels.split(size))

    def take(self, indices: Int64[Tensor, " k"]) -> "LabelledImages":
        """Return the images at `indices`, in that order."""
        return LabelledImages(self.images[indices], self.labels[indices])

    def join(self, other: "LabelledImages") -> "LabelledImages":
        """Return these images followed by `other`'s."""
        return LabelledImages(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))

    def pixels(self) -> Float[Tensor, "n c h w"]:
        """Return the images as float32 in [0, 1]: what the service accepts."""
        return self.images.to(torch.float32).div_(255.0)


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set with its two official parts.

    Attributes:
        checksum: the md5 over the bytes of both parts' images and labels: what a trained model's address depends on.
        mean, std: of the pixels in [0, 1] of each channel, or of all channels: what networks see is normalised by them.
        canaries: how many images of the training part, its last, are canaries.
    """

    name: str
    classes: int
    train: LabelledImages
    test: LabelledImages
    checksum: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    canaries: int = 0

    @property
    def shape(self) -> Shape:
        """An image's channels, height and width."""
        return self.train.shape

    @classmethod
    def of(
        cls,
        name: str,
        classes: int,
        train: LabelledImages,
        test: LabelledImages,
        *,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
    ) -> "DataSet":
        """Return a data set of two parts, with their checksum, and the training part's mean and standard deviation."""
        with ThreadPoolExecutor(1) as thread:  # hashing lets go of Python's lock
            checksum = thread.submit(_checksum, [train, test])
            if mean is None or std is None:
                mean, std = _moments(train.images)
            return cls(name, classes, train, test, checksum.result(), mean, std)


def _moments(images: UInt8[Tensor, "n c h w"]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return each channel's mean and standard deviation, in pixels in [0, 1], by counting each of the 256 values."""
    counts = torch.stack([torch.bincount(part.flatten(), minlength=256) for part in images.unbind(dim=1)]).double()
    values, shares = torch.arange(256) / 255, counts / counts.sum(dim=1, keepdim=True)
    mean = (shares * values).sum(dim=1, keepdim=True)
    std = (shares * (values - mean).square()).sum(dim=1).sqrt()
    # A channel of one value is left as it is.
    return tuple(mean.flatten().tolist()), tuple(std.where(std > 0, 1.0).tolist())


def _checksum(parts: Sequence[LabelledImages]) -> str:
    total = hashlib.md5(usedforsecurity=False)
    for part in parts:
        total.update(part.images.contiguous().numpy().data)
        total.update(part.labels.contiguous().numpy().data)
    return total.hexdigest()
