"""`data=arrays`: images and labels as NumPy keeps them."""

import os
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from privattack.checks import PathText, Seed, checked
from privattack.data.images import DataSet, LabelledImages
from privattack.data.parts import ShareOfAll, check_classes, split_by_class
from privattack.errors import SettingError, shown

Order = Literal["nhwc", "nchw"]

TRAIN = (("train_images", "train_labels"), ("x_train", "y_train"))
TEST = (("test_images", "test_labels"), ("x_test", "y_test"))
WHOLE = (("images", "labels"), ("x", "y"))
CHANNELS = (1, 3)
MOST_CLASSES = 100_000
UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@checked
def arrays(*, path: PathText, order: Order | None = None, test_share: ShareOfAll = 0.2, seed: Seed = 0) -> DataSet:
    """Return images and labels out of NumPy's files.

    Args:
        path: a `.npz` file with the arrays `train_images`, `train_labels`, `test_images` and `test_labels`, or `images`
            and `labels` alone, of which a share becomes the test part (Keras's names `x_train`, ... do as well); or a
            folder with one `.npy` file for each, such as `images.npy`. Images are `(n, h, w)`, `(n, h, w, c)` or
            `(n, c, h, w)`, uint8 or floating in [0, 1]; labels are whole numbers from 0 up.
        order: where the channels lie; None finds it out where one place alone has 1 or 3.
        test_share: of each class, where there is no test part.
        seed: of the choice of the test part.

    Raises:
        SettingError: the arrays are not there, or are not such.
    """
    place = Path(path).expanduser()
    try:
        files = sorted(place.glob("*.npy")) if place.is_dir() else [place]
        versions = tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    except OSError:
        raise SettingError(
            {"path": path}, "there is no such file; give a .npz file, or a folder of .npy files, with images and labels"
        ) from None
    return _read(place, versions, path, order, test_share, seed)


@lru_cache(maxsize=2)
def _read(
    place: Path,
    versions: tuple[tuple[str, int, int], ...],
    path: str,
    order: Order | None,
    test_share: float,
    seed: int,
) -> DataSet:
    found = _load(place, [Path(name) for name, *_ in versions], path)
    whole, parts = _names(found, WHOLE), [_names(found, TRAIN), _names(found, TEST)]
    if not (all(parts) or (whole and not any(parts))):
        raise SettingError(
            {"path": path},
            f"holds {', '.join(map(shown, sorted(found))) or 'no array'}; needs train_images, train_labels, "
            "test_images and test_labels, or images and labels alone",
        )
    pairs = [pair for pair in (parts if all(parts) else [whole]) if pair]
    read = [_part(found[images], found[labels], images, labels, path, order) for images, labels in pairs]
    classes = max(int(part.labels.max()) for part in read) + 1
    for part, (_, labels) in zip(read, pairs, strict=True):
        names = [f"label {label} in {labels}" for label in range(classes)]
        check_classes(part.labels, names, path=path, least=1 if len(read) == 2 else 2)
    if len(read) == 1:
        read = [read[0].take(part) for part in split_by_class(read[0].labels, test_share=test_share, seed=seed)]
    train, test = read
    if train.images.shape[1:] != test.images.shape[1:]:
        raise SettingError(
            {"path": path},
            f"images have the shape {tuple(train.images.shape[1:])} in the training part and "
            f"{tuple(test.images.shape[1:])} in the test part; give both the same",
        )
    return DataSet.of("arrays", classes, train, test)


def _part(
    images: np.ndarray, labels: np.ndarray, name: str, name_of_labels: str, path: str, order: Order | None
) -> LabelledImages:
    pixels, numbers = _images(images, name, path, order), _labels(labels, name_of_labels, path)
    if len(pixels) != len(numbers) or len(pixels) == 0:
        raise SettingError(
            {"path": path},
            f"{name} holds {len(pixels)} images and {name_of_labels} {len(numbers)} labels; needs one of each or "
            "more, as many of one as of the other",
        )
    return LabelledImages(pixels, numbers)


def _load(place: Path, files: list[Path], path: str) -> Mapping[str, np.ndarray]:
    """Return the arrays by name. Nothing is unpickled, so that no file can run code."""
    try:
        if place.is_dir():
            return {file.stem: np.load(file, allow_pickle=False) for file in files}
        loaded = np.load(place, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise SettingError(
                {"path": path},
                f"is one array; give the folder {shown(os.path.dirname(path) or '.')} with images.npy and labels.npy, "
                "or a .npz file",
            )
        with loaded:
            return {name: loaded[name] for name in loaded.files if _is_wanted(name)}
    except UNREADABLE as error:
        raise SettingError(
            {"path": path},
            f"cannot be read as arrays of numbers ({[type(error).__name__, *str(error).splitlines()][:2][-1]}); write "
            "it again with numpy.savez or numpy.save",
        ) from error


def _is_wanted(name: str) -> bool:
    return any(name in pair for pair in (*TRAIN, *TEST, *WHOLE))


def _names(found: Mapping[str, np.ndarray], pairs: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    return next((pair for pair in pairs if pair[0] in found and pair[1] in found), None)


def _images(array: np.ndarray, name: str, path: str, order: Order | None) -> UInt8[Tensor, "n c h w"]:
    if array.ndim not in (3, 4) or 0 in array.shape[1:]:
        raise SettingError(
            {"path": path}, f"{name} has the shape {array.shape}; needs (n, h, w), (n, h, w, c) or (n, c, h, w)"
        )
    if array.ndim == 3:
        array = array[:, np.newaxis]
    else:
        places = {"nchw": array.shape[1], "nhwc": array.shape[3]}
        possible = [one for one, channels in places.items() if channels in CHANNELS]
        if order is None and len(possible) != 1:
            raise SettingError(
                {"order": None, "path": path},
                f"{name} has the shape {array.shape}, which does not tell where its channels lie; set order to nchw or "
                "to nhwc",
            )
        if (order or possible[0]) == "nhwc":
            array = array.transpose(0, 3, 1, 2)
    if array.dtype != np.uint8:
        array = _bytes(array, name, path)
    return torch.from_numpy(np.ascontiguousarray(array))


def _bytes(array: np.ndarray, name: str, path: str) -> np.ndarray:
    """Turn numbers in [0, 1] into bytes."""
    if not np.issubdtype(array.dtype, np.floating):
        raise SettingError(
            {"path": path}, f"{name} holds {array.dtype}; needs uint8, or floating-point numbers from 0 to 1"
        )
    if len(array) and not (array.min() >= 0 and array.max() <= 1):
        found = f"numbers from {array.min():g} to {array.max():g}" if np.isfinite(array).all() else "NaN or infinity"
        raise SettingError({"path": path}, f"{name} holds {found}; needs uint8, or floating-point numbers from 0 to 1")
    return np.rint(array * 255).astype(np.uint8)


def _labels(array: np.ndarray, name: str, path: str) -> Int64[Tensor, " n"]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise SettingError(
            {"path": path}, f"{name} holds {array.dtype} of the shape {array.shape}; needs n whole numbers, from 0 up"
        )
    if len(array) and not 0 <= int(array.min()) <= int(array.max()) < MOST_CLASSES:
        raise SettingError(
            {"path": path},
            f"{name} holds labels from {array.min()} to {array.max()}; number the classes 0, 1, 2 and so on",
        )
    return torch.from_numpy(array.astype(np.int64))
