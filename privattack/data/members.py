"""Who was trained on, as the user names them: by their places in the training part, or by the images themselves."""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from PIL import Image
from torch import Tensor

from privattack.data import image_files
from privattack.data.images import LabelledImages
from privattack.data.splits import TrainingSplit
from privattack.errors import UserError

UNREADABLE = (*image_files.UNREADABLE, zipfile.BadZipFile)
ARRAYS = ("members", "images")  # which array of several in an .npz; a run's splits.npz has the first
FORMS = "a .npy file of indices into the training part, or a .npy or .npz file or a folder of its images"


def named_members(path: str, train: LabelledImages) -> TrainingSplit:
    """Return the split of the training part that `target.members` says.

    Args:
        path: a `.npy` or `.npz` file with whole numbers `(m,)`, places in the training part, or with images,
            uint8 `(m, h, w)`, `(m, c, h, w)` or `(m, h, w, c)`; or a folder of images. Images are found in the
            training part by their pixels, every copy of them.

    Raises:
        UserError: the file cannot be read, names images that the training part has not, or leaves none.
    """
    setting, place = f"target.members={path}", Path(path).expanduser()
    found = _folder(place, train, setting) if place.is_dir() else _array(place, setting)
    places = _places(found, train, setting) if found.ndim == 1 else _matched(found, train, setting)
    if len(places) == 0:
        raise UserError(f"{setting}: names nobody; give {FORMS}.")
    held_out = torch.ones(len(train), dtype=torch.bool)
    held_out[places] = False
    return TrainingSplit(places, held_out.nonzero().flatten())


def _array(path: Path, setting: str) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            names = [name for name in ARRAYS if name in loaded.files] or loaded.files
            return loaded[names[0]] if names else np.empty(0, dtype=np.int64)
    except FileNotFoundError as error:
        raise UserError(f"{setting}: there is no such file or folder; give {FORMS}.") from error
    except UNREADABLE as error:
        raise UserError(f"{setting}: the file cannot be read ({_first_line(error)}); give {FORMS}.") from error


def _folder(path: Path, train: LabelledImages, setting: str) -> np.ndarray:
    channels, height, width = train.shape
    images = []
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        try:
            with Image.open(io.BytesIO(file.read_bytes())) as image:
                images.append(np.array(image.convert("L" if channels == 1 else "RGB")))
        except UNREADABLE as error:
            raise UserError(f"{setting}: {file.name} is no image that can be read ({_first_line(error)}).") from error
        if images[-1].shape[:2] != (height, width):
            raise UserError(
                f"{setting}: {file.name} is {images[-1].shape[1]}x{images[-1].shape[0]}, and the training part's "
                f"images are {width}x{height}; give them as they were trained on."
            )
    return np.stack(images) if images else np.empty(0, dtype=np.int64)


def _places(found: np.ndarray, train: LabelledImages, setting: str) -> Int64[Tensor, " m"]:
    if found.dtype == bool and len(found) == len(train):
        found = np.flatnonzero(found)
    if not np.issubdtype(found.dtype, np.integer):
        raise UserError(f"{setting}: holds numbers of type {found.dtype}; give {FORMS}.")
    if len(found) and not 0 <= found.min() <= found.max() < len(train):
        raise UserError(
            f"{setting}: holds places from {found.min()} to {found.max()}, and the training part has those from 0 to "
            f"{len(train) - 1}; give the data set that they belong to."
        )
    return torch.from_numpy(np.unique(found.astype(np.int64)))


def _matched(found: np.ndarray, train: LabelledImages, setting: str) -> Int64[Tensor, " m"]:
    channels, height, width = train.shape
    if found.ndim == 3:
        found = found[..., None] if found.shape[1:] == (height, width) else found
    if found.ndim == 4 and found.shape[1:] == (height, width, channels):
        found = np.moveaxis(found, 3, 1)
    if found.dtype != np.uint8 or found.shape[1:] != (channels, height, width):
        raise UserError(
            f"{setting}: holds images {found.dtype} {found.shape[1:]}, and those of the training part are uint8 "
            f"{(channels, height, width)}; give them as they were trained on."
        )
    images = torch.from_numpy(np.ascontiguousarray(found))
    named = LabelledImages(images, torch.zeros(len(images), dtype=torch.int64)).digests
    if missing := len(set(named) - set(train.digests)):
        raise UserError(
            f"{setting}: {missing} of {len(set(named))} images are not in the data set's training part; give the data "
            "set that holds them, so that the others of it can be non-members."
        )
    asked = set(named)
    return torch.tensor([place for place, one in enumerate(train.digests) if one in asked], dtype=torch.int64)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
