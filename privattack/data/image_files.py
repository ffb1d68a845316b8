"""Image files, decoded by many threads at once: Pillow lets go of Python's lock while it decodes."""

import os
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from pydantic import Field
from torch import Tensor

from privattack.errors import SettingError, shown

Side = Annotated[int, Field(ge=1, le=4_096)]  # pixels
Size = tuple[int, int]  # across and down
Colour = Literal["grey", "rgb"]
Answer = TypeVar("Answer")

GREY = ("1", "L", "LA", "La")  # Pillow's modes of 8 bits or fewer without colour
DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # more than 8 bits a pixel
# All that Pillow's readers of its many formats were seen to raise on damaged files.
UNREADABLE = (
    OSError, EOFError, ValueError, SyntaxError, ArithmeticError, TypeError, AttributeError, LookupError, RuntimeError,
    struct.error, Image.DecompressionBombError,
)  # fmt: skip
CHUNK = 250  # files a thread takes at once


class _UnreadableError(Exception):
    """Why a file is not decoded."""


def decode(
    folder: Path, names: Sequence[str], *, path: str, size: Size | None, colour: Colour | None, skip: bool
) -> tuple[UInt8[Tensor, "n c h w"], Int64[Tensor, " n"]]:
    """Return the images in the order of their names, and the places of their names.

    Args:
        folder, names: where the files lie, and their paths below it.
        path: the setting `path`, for sentences.
        size: the pixels across and down that every image is brought to, bicubic; None leaves sizes as they are.
        colour: what every image is turned into; None leaves colours as they are.
        skip: whether files that are no images are left out, and not refused.

    Raises:
        SettingError: a file is no image of 8 bits a channel, or none is; or images differ in size or in channels.
    """

    def read(name: str) -> np.ndarray | str:
        try:
            return _decode(folder / name, size, colour)
        except _UnreadableError as error:
            return str(error)

    images: list[np.ndarray] = []
    places: list[int] = []
    broken: list[str] = []
    for place, image in enumerate(in_parallel(read, names)):
        if isinstance(image, str):
            broken.append(f"{shown(names[place])} ({image})")
        else:
            images.append(image)
            places.append(place)
    if broken and not skip:
        some = ", ".join(broken[:3]) + (", ..." if len(broken) > 3 else "")
        raise SettingError(
            {"path": path},
            f"{len(broken)} of {len(names)} files cannot be used, {some}; mend them, or take them out of the folder",
        )
    if not images:
        raise SettingError(
            {"path": path},
            f"holds no image that can be read, of {len(names)} files; give a folder with images, such as .png or .jpg",
        )
    channels = Counter(image.shape[2] for image in images)
    if len(channels) > 1:
        grey = next(name for name, image in zip(names, images, strict=True) if image.shape[2] == 1)
        raise SettingError(
            {"colour": None, "path": path},
            f"{channels[1]} of {len(names)} images are grey, such as {shown(grey)}, the others in colour; "
            "set colour to rgb or to grey",
        )
    sizes = Counter(image.shape[:2] for image in images)
    if len(sizes) > 1:
        (one, _), *_, (other, _) = sizes.most_common()
        example = next(name for name, image in zip(names, images, strict=True) if image.shape[:2] == other)
        raise SettingError(
            {"size": None, "path": path},
            f"images differ in size, most have {one[1]}x{one[0]} pixels, {shown(example)} has {other[1]}x{other[0]}; "
            "set size to the side in pixels that all are brought to, such as 32",
        )
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), torch.tensor(places)


def in_parallel(function: Callable[[str], Answer], names: Sequence[str]) -> Iterator[Answer]:
    """Return what a function answers for each name, in order, asked by as many threads as there are cores."""

    def answer(start: int) -> list[Answer]:
        return [function(name) for name in names[start : start + CHUNK]]

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for answers in threads.map(answer, range(0, len(names), CHUNK)):
            yield from answers


def _decode(path: Path, size: Size | None, colour: Colour | None) -> UInt8[np.ndarray, "h w c"]:
    try:
        with Image.open(path) as image:
            if image.mode in DEEP:
                raise _UnreadableError("has more than 8 bits a pixel")
            grey = colour == "grey" or (colour is None and image.mode in GREY)
            converted = image.convert("L" if grey else "RGB")
            if size is not None and converted.size != size:
                converted = converted.resize(size, Image.Resampling.BICUBIC)
    except UNREADABLE as error:
        raise _UnreadableError("is no whole image") from error
    pixels = np.asarray(converted)
    return pixels[:, :, np.newaxis] if grey else pixels
