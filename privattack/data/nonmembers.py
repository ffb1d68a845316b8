"""Who is a non-member: the images that the target certainly never trained on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import UInt8
from torch import Tensor

from privattack.data.emnist_conversion import emnist_like
from privattack.data.images import LabelledImages
from privattack.data.sources import emnist_part, usps_part
from privattack.errors import UserError

WITHOUT_FILES = "nonmembers=emnist_like and nonmembers=test work without it, and so does data=digits"


class NonMembers(ABC):
    """A choice of non-members. Settings go to the constructor, images to the method."""

    @abstractmethod
    def images(self, *, held_out: LabelledImages, test: LabelledImages) -> LabelledImages:
        """Return every image that may stand as a non-member, in a fixed order.

        `held_out` is what the split left out of the training part, possibly nothing; `test` is the data
        set's test part.
        """


@dataclass(frozen=True, kw_only=True)
class Holdout(NonMembers):
    """Images from the members' own pool, left out of training at random: the only clean choice."""

    def images(self, *, held_out: LabelledImages, test: LabelledImages) -> LabelledImages:
        """Return `held_out`.

        Raises:
            UserError: Nothing was held out.
        """
        if len(held_out) == 0:
            raise UserError(
                "nonmembers=holdout finds no images, as target.train_size leaves none out of training: "
                "set target.train_size below the size of the training part, or choose nonmembers=test"
            )
        return held_out


@dataclass(frozen=True, kw_only=True)
class TestPart(NonMembers):
    """The data set's own test part."""

    __test__ = False  # no test of pytest's

    def images(self, *, held_out: LabelledImages, test: LabelledImages) -> LabelledImages:
        """Return `test`."""
        return test


@dataclass(frozen=True, kw_only=True)
class Emnist(NonMembers):
    """The test part of EMNIST `digits`, 40,000 images: the original study's choice.

    `as_stored` leaves every image transposed, as its file has it and as a reader who forgets does.
    """

    root: str
    download: bool = True
    verify: bool = True
    as_stored: bool = False

    def images(self, *, held_out: LabelledImages, test: LabelledImages) -> LabelledImages:
        """Return the images of EMNIST.

        Raises:
            UserError: A file is damaged, or missing and cannot be fetched.
        """
        return emnist_part(
            split="digits",
            train=False,
            root=self.root,
            download=self.download,
            verify=self.verify,
            as_stored=self.as_stored,
            instead=WITHOUT_FILES,
        )


@dataclass(frozen=True, kw_only=True)
class Usps(NonMembers):
    """The test part of USPS, 2,007 images."""

    root: str
    download: bool = True
    verify: bool = True

    def images(self, *, held_out: LabelledImages, test: LabelledImages) -> LabelledImages:
        """Return the images of USPS.

        Raises:
            UserError: The file is damaged, or missing and cannot be fetched.
        """
        return usps_part(train=False, root=self.root, download=self.download, verify=self.verify, instead=WITHOUT_FILES)


@dataclass(frozen=True, kw_only=True)
class EmnistLike(NonMembers):
    """The data set's own test part, put through EMNIST's conversion: same writers, other processing.

    `as_stored` transposes every image, as EMNIST's files do.
    """

    as_stored: bool = False

    def images(self, *, held_out: LabelledImages, test: LabelledImages) -> LabelledImages:
        """Return `test`, converted."""
        converted = _converted(test.images.numpy().tobytes())
        return LabelledImages(converted.mT.contiguous() if self.as_stored else converted, test.labels)


@lru_cache(maxsize=2)
def _converted(pixels: bytes) -> UInt8[Tensor, "n 28 28"]:
    """Convert images given as bytes, so that a sweep converts the same images once."""
    return emnist_like(torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(-1, 28, 28))
