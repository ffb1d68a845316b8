"""Small files in the layouts of MNIST, EMNIST and USPS."""

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

WriteIdx = Callable[..., bytes]


def idx_bytes(array: np.ndarray) -> bytes:
    shape = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return (0x0800 + array.ndim).to_bytes(4, "big") + shape + array.astype(np.uint8).tobytes()


@pytest.fixture
def write_idx() -> WriteIdx:
    """Return a function that writes an array of bytes to an IDX file, or to a gzip of one."""

    def write(path: Path, array: np.ndarray) -> bytes:
        content = idx_bytes(array)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return content

    return write


@pytest.fixture
def own_mnist(tmp_path: Path, write_idx: WriteIdx) -> Path:
    """Return a root with 20 training and 10 test images of one's own in MNIST's layout."""
    random = np.random.default_rng(0)
    for part, n in (("train", 20), ("t10k", 10)):
        write_idx(tmp_path / f"MNIST/raw/{part}-images-idx3-ubyte", random.integers(0, 256, (n, 28, 28)))
        write_idx(tmp_path / f"MNIST/raw/{part}-labels-idx1-ubyte", np.arange(n) % 10)
    return tmp_path


@pytest.fixture
def write_usps() -> Callable[[Path, np.ndarray, np.ndarray], None]:
    """Return a function that writes 16x16 images with values in [-1, 1] and labels 1..10 as USPS does."""

    def write(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
        lines = [
            " ".join([str(label), *(f"{at}:{value:.4f}" for at, value in enumerate(image.ravel(), start=1))])
            for image, label in zip(images, labels, strict=True)
        ]
        path.write_bytes(bz2.compress("\n".join(lines).encode()))

    return write
