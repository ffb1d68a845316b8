"""Where images besides the target's members come from: an attacker's query pool, and non-members."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from pydantic import Field
from torch import Tensor

from privattack.checks import PathText, Seed, checked
from privattack.data.decoded import decoded, listed
from privattack.data.emnist_conversion import emnist_like
from privattack.data.image_files import Colour
from privattack.data.images import DataSet, LabelledImages, Shape
from privattack.data.sources import EMNIST_CLASSES, Split, emnist_part, usps_part
from privattack.errors import SettingError, UserError
from privattack.randomness import generator

log = logging.getLogger(__name__)

Group = Literal["pool", "nonmembers"]
COLOURS: dict[int, Colour] = {1: "grey", 3: "rgb"}  # by number of channels
Found = tuple[LabelledImages, bool]  # images in a fixed order, and whether their labels are classes of the target
WITHOUT_FILES: dict[Group, str] = {
    "pool": "pool=test works without it",
    "nonmembers": "nonmembers=emnist_like and nonmembers=test work without it, and so does data=digits",
}


class ImageSource(ABC):
    """A choice of images. Settings go to the constructor, the data set's own images to the method."""

    @abstractmethod
    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return the images, and whether their labels are classes of the target.

        Args:
            group: what they are for. From another data set the query pool gets the training part and non-members the
                test part, so that both may come from it.
            held_out: what the split left out of the training part, possibly nothing.
            test: the data set's test part, by which surrogates are judged.
            classes: how many the target has.
        """


@dataclass(frozen=True, kw_only=True)
class TestPart(ImageSource):
    """The data set's own test part. The original study's query pool: surrogates are judged by the same images."""

    __test__ = False  # no test of pytest's

    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return `test`."""
        return test, True


@dataclass(frozen=True, kw_only=True)
class Holdout(ImageSource):
    """What `target.train_size` leaves out of training, at random: the only clean choice of non-members, and a query
    pool of the target's own kind, apart from the images that surrogates are judged by.
    """

    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return `held_out`.

        Raises:
            UserError: nothing was held out.
        """
        if len(held_out) == 0:
            raise UserError(
                f"{group}=holdout: finds no images, as target.train_size leaves none out of training; set "
                f"target.train_size below the size of the training part, or choose {group}=test."
            )
        return held_out, True


@checked
@dataclass(frozen=True, kw_only=True)
class Usps(ImageSource):
    """USPS: digits of other writers, scanned otherwise; 7,291 images for the query pool, 2,007 non-members."""

    root: PathText
    download: bool = True
    verify: bool = True

    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return the images of USPS.

        Raises:
            UserError: the target's images have another shape; or the file is damaged, or missing and cannot be fetched.
        """
        train, instead = group == "pool", WITHOUT_FILES[group]
        _check_shape(group, "usps", test.shape)
        found = usps_part(train=train, root=self.root, download=self.download, verify=self.verify, instead=instead)
        return found, classes == 10


@checked
@dataclass(frozen=True, kw_only=True)
class Emnist(ImageSource):
    """EMNIST `digits` or `letters`. The 40,000 digits of its test part are the original study's non-members.

    `as_stored` leaves every image transposed, as its file has it and as a reader who forgets does.
    """

    root: PathText
    split: Split = "digits"
    download: bool = True
    verify: bool = True
    as_stored: bool = False

    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return the images of EMNIST.

        Raises:
            UserError: the target's images have another shape; or a file is damaged, or missing and cannot be fetched.
        """
        _check_shape(group, "emnist" if group == "nonmembers" else f"emnist_{self.split}", test.shape)
        found = emnist_part(
            split=self.split,
            train=group == "pool",
            root=self.root,
            download=self.download,
            verify=self.verify,
            as_stored=self.as_stored,
            instead=WITHOUT_FILES[group],
        )
        return found, classes == EMNIST_CLASSES[self.split]


@checked
@dataclass(frozen=True, kw_only=True)
class EmnistLike(ImageSource):
    """The data set's own test part, put through EMNIST's conversion: same writers, other processing.

    `as_stored` transposes every image, as EMNIST's files do.
    """

    as_stored: bool = False

    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return `test`, converted.

        Raises:
            UserError: it has another shape than MNIST.
        """
        _check_shape(group, "emnist_like", test.shape)
        converted = _converted(test.images.numpy().tobytes()).unsqueeze(1)
        return LabelledImages(converted.mT.contiguous() if self.as_stored else converted, test.labels), True


@lru_cache(maxsize=2)
def _converted(pixels: bytes) -> UInt8[Tensor, "n 28 28"]:
    """Convert images given as bytes, so that a sweep converts the same images once."""
    return emnist_like(torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(-1, 28, 28))


@checked
@dataclass(frozen=True, kw_only=True)
class Folder(ImageSource):
    """Any images below a folder, brought to the target's shape; those in different folders are different classes.

    White on black, as MNIST is; `invert` turns black on white around. `cache` is where decoded images are kept.
    """

    path: PathText
    cache: PathText
    invert: bool = False

    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return the images in the order of their paths; files that are no images are left out and counted in the log.

        Raises:
            UserError: there is no such folder, or no image in it; or the target's images are neither grey nor colour.
        """
        channels, height, width = test.shape
        if channels not in COLOURS:
            raise UserError(
                f"{group}=folder: makes images of 1 or 3 channels, and the target's have {channels}; use {group}=test."
            )
        root = Path(self.path).expanduser().resolve()
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        try:
            found, places = decoded(
                root,
                listed(root, [*map(str, paths)]),
                path=self.path,
                size=(width, height),
                colour=COLOURS[channels],
                cache=self.cache,
                skip=True,
            )
        except SettingError as error:
            raise error.under(group) from error
        left_out = [path.name for place, path in enumerate(paths) if place not in {*places.tolist()}]
        if left_out:
            few = ", ".join(left_out[:3]) + (", ..." if len(left_out) > 3 else "")
            log.warning("%s.path=%s: %d files are no images and are left out: %s", group, self.path, len(left_out), few)
        folders = [str(paths[place].parent) for place in places.tolist()]
        labels = torch.from_numpy(np.unique(folders, return_inverse=True)[1])
        return LabelledImages(255 - found if self.invert else found, labels), False


@checked
@dataclass(frozen=True, kw_only=True)
class OtherData(ImageSource):
    """Another data set's images, of the target's shape: the training part for the query pool, else the test part.

    `data` reads it.
    """

    data: Callable[[], DataSet]

    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return the images of the other data set, whose labels are no classes of the target.

        Raises:
            UserError: the target's images have another shape; or a file is damaged, or missing and cannot be fetched.
        """
        found = self.data()
        part = found.train if group == "pool" else found.test
        _check_shape(group, found.name, test.shape, given=part.shape)
        return part, False


@checked
@dataclass(frozen=True, kw_only=True)
class Noise(ImageSource):
    """Images of uniform noise, of which nobody knows a class.

    `count` is how many; `seed` which.
    """

    count: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    seed: Seed = 0

    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return noise."""
        images = torch.randint(0, 256, (self.count, *test.shape), generator=generator(self.seed, "pool.noise"))
        return LabelledImages(images.to(torch.uint8), torch.zeros(self.count, dtype=torch.int64)), False


def _check_shape(group: Group, option: str, shape: Shape, given: Shape = (1, 28, 28)) -> None:
    """Refuse images of one shape, that of handwritten characters, beside a target's images of another.

    Raises:
        UserError: the shape is another.
    """
    if shape != given:
        channels, height, width = given
        kind = {1: "grey images of ", 3: "colour images of "}.get(channels, f"images of {channels} channels and ")
        raise UserError(
            f"{group}={option}: gives {kind}{height}x{width}, and the target's are {'x'.join(map(str, shape))}; choose "
            f"{group}=holdout or {group}=test."
        )
