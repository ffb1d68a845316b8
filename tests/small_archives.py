"""A few images in the layouts of the official files of CIFAR and SVHN."""

import hashlib
import math
import pickle
from pathlib import Path

import numpy as np
from scipy.io import savemat

RANDOM = np.random.default_rng(0)
IMAGES = {name: RANDOM.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8) for name in "abcdef"}


def batch(images: np.ndarray, labels: list[int], key: str = "labels") -> bytes:
    """Return a batch as CIFAR's files hold it."""
    rows = images.reshape(len(images), math.prod(images.shape[1:]))
    return pickle.dumps({"data": rows, key: labels, "batch_label": "x"})


def write_cifar10(root: Path) -> None:
    """Write five training batches and a test batch of 4 images each."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for start, (name, images) in enumerate(zip(names, IMAGES.values(), strict=True)):
        (folder / name).write_bytes(batch(images, [start, 7, 8, 9]))


def write_cifar100(root: Path) -> None:
    """Write 4 training and 4 test images."""
    folder = root / "cifar-100-python"
    folder.mkdir()
    for name, images in (("train", IMAGES["a"]), ("test", IMAGES["b"])):
        (folder / name).write_bytes(batch(images, [99, 0, 50, 3], "fine_labels"))


def write_svhn(root: Path) -> dict[str, list[str]]:
    """Write 4 training and 4 test images, and return what torchvision would know of these files."""
    known = {}
    for part, images in (("train", IMAGES["a"]), ("test", IMAGES["b"])):
        path = root / f"{part}_32x32.mat"
        content = {"X": images.transpose(2, 3, 1, 0), "y": np.array([[1], [2], [9], [10]], dtype=np.uint8)}
        savemat(path, content, do_compression=True)
        known[part] = [f"https://a.invalid/{path.name}", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    return known
