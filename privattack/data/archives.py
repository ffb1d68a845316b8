"""CIFAR and SVHN in their official files, as torchvision lays them out; nothing that is read can run code."""

import pickle
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import UInt8
from scipy.io import loadmat
from scipy.io.matlab import MatReadError
from torch import Tensor
from torchvision.datasets import CIFAR10, CIFAR100, SVHN

from privattack.checks import PathText, checked
from privattack.data.files import FileVersion, SourceFile, obtain
from privattack.data.images import DataSet, LabelledImages
from privattack.data.sources import WITHOUT_FILES, checked_part, measured
from privattack.errors import UserError

SIDE = 32
UNREADABLE = (
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, NotImplementedError, MemoryError,
    SystemError, OverflowError, pickle.UnpicklingError, MatReadError, zlib.error,
)  # fmt: skip


@checked
def cifar10(*, root: PathText, download: bool = True, verify: bool = True) -> DataSet:
    """Return CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images of 10 classes, colour, 32x32.

    `root` is the folder that holds `cifar-10-batches-py`.

    Raises:
        UserError: a file is damaged, or missing and cannot be fetched.
    """
    return _cifar(CIFAR10, "cifar10", "labels", 10, root, download, verify)


@checked
def cifar100(*, root: PathText, download: bool = True, verify: bool = True) -> DataSet:
    """Return CIFAR-100 (Krizhevsky 2009): as CIFAR-10, of 100 classes.

    `root` is the folder that holds `cifar-100-python`.

    Raises:
        UserError: a file is damaged, or missing and cannot be fetched.
    """
    return _cifar(CIFAR100, "cifar100", "fine_labels", 100, root, download, verify)


def _cifar(
    kind: type[CIFAR10], name: str, labels: str, classes: int, root: str, download: bool, verify: bool
) -> DataSet:
    parts = []
    for batches in (kind.train_list, kind.test_list):
        files = [
            SourceFile(f"{kind.base_folder}/{batch}", kind.filename, (kind.url,), kind.tgz_md5, md5)
            for batch, md5 in batches
        ]
        versions = obtain(files, root=root, download=download, verify=verify, instead=WITHOUT_FILES)
        parts.append(_cifar_part(tuple(versions), labels, classes))
    return measured(name, classes, *parts)


@checked
def svhn(*, root: PathText, download: bool = True) -> DataSet:
    """Return SVHN (Netzer et al. 2011): 73,257 training and 26,032 test images of house numbers' digits, colour, 32x32.

    `root` is the folder that holds `train_32x32.mat` and `test_32x32.mat`. Their md5 sums are always compared: SciPy's
    reader was seen to crash on damaged files, so that it reads none but the official ones.

    Raises:
        UserError: a file is damaged, or missing and cannot be fetched.
    """
    listed = (SVHN.split_list[part] for part in ("train", "test"))
    files = [SourceFile(name, name, (url,), md5, md5) for url, name, md5 in listed]
    versions = obtain(files, root=root, download=download, verify=True, instead=WITHOUT_FILES)
    return measured("svhn", 10, *map(_svhn_part, versions))


@lru_cache(maxsize=4)
def _cifar_part(versions: tuple[FileVersion, ...], labels: str, classes: int) -> LabelledImages:
    batches = [_cifar_batch(version, labels, classes) for version in versions]
    return LabelledImages(torch.cat([one.images for one in batches]), torch.cat([one.labels for one in batches]))


def _cifar_batch(version: FileVersion, labels: str, classes: int) -> LabelledImages:
    def read() -> tuple[Any, Any]:
        with version.path.open("rb") as file:
            batch = _ArraysOnly(file, encoding="latin1").load()
        return batch["data"].array.reshape(-1, 3, SIDE, SIDE), batch[labels]

    return _part(version, classes, read)


@lru_cache(maxsize=2)
def _svhn_part(version: FileVersion) -> LabelledImages:
    def read() -> tuple[Any, Any]:
        content = loadmat(version.path, variable_names=("X", "y"))
        return content["X"].transpose(3, 2, 0, 1), content["y"].reshape(-1) % 10  # the digit 0 has the label 10

    return _part(version, 10, read)


def _part(version: FileVersion, classes: int, read: Callable[[], tuple[Any, Any]]) -> LabelledImages:
    """Return what a file holds; its `read` gives images and labels, as arrays."""
    try:
        images, labels = read()
        if images.dtype != np.uint8 or images.shape[1:] != (3, SIDE, SIDE) or len(images) == 0:
            raise ValueError(f"images of {images.dtype} and the shape {images.shape}")
        pixels: UInt8[Tensor, "n 3 32 32"] = torch.from_numpy(np.ascontiguousarray(images))
        numbers = torch.from_numpy(np.asarray(labels).astype(np.int64, casting="same_kind"))
    except UNREADABLE as error:
        raise UserError(
            f"{version.path} is damaged ({' '.join(str(error).split())}): delete it, and it is fetched again, or go on "
            f"without it: {WITHOUT_FILES}"
        ) from error
    return checked_part(pixels, numbers, version.path, classes)


class _Kind:
    """Stands for an array's dtype: its name, and nothing of its inside."""

    def __init__(self, name: str, *_: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        """Pass over what NumPy would set."""


class _Bytes:
    """Stands for an array: its bytes and its shape, without NumPy's own way to set them, which trusts a file."""

    def __init__(self, *_: object) -> None:
        self.array: np.ndarray = np.empty(0, np.uint8)

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Kind, bool, str | bytes]) -> None:
        _, shape, kind, columns_first, content = state
        if kind.name != "u1" or columns_first:
            raise pickle.UnpicklingError(f"it holds an array of {kind.name}")
        raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
        self.array = np.frombuffer(raw, np.uint8).reshape(shape).copy()


class _ArraysOnly(pickle.Unpickler):
    """Reads arrays of bytes and plain containers, and refuses whatever else a pickle can name."""

    ADMITTED: ClassVar = {
        ("numpy", "ndarray"): _Bytes,
        ("numpy", "dtype"): _Kind,
        ("numpy.core.multiarray", "_reconstruct"): _Bytes,
        ("numpy._core.multiarray", "_reconstruct"): _Bytes,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for one of the few names that arrays are made of."""
        if (module, name) not in self.ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self.ADMITTED[module, name]
