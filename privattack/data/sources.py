"""Where images come from: files that torchvision knows, read once in a process, as tensors.

Every source returns grey images, one channel of 28x28. Files are checked before they are read (`files.py`); a file that
changed since the last call is read again. Calls share the tensors they return: never change one in place.
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, Int64, UInt8
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.datasets import EMNIST, MNIST, USPS, FashionMNIST
from torchvision.datasets.mnist import read_image_file, read_label_file

from privattack.checks import PathText, checked
from privattack.data.files import FileVersion, SourceFile, obtain
from privattack.data.images import DataSet, LabelledImages
from privattack.errors import UserError

IDX_MD5: dict[type[MNIST], dict[str, str]] = {
    MNIST: {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    FashionMNIST: {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
MNIST_MEAN, MNIST_STD = (0.1307,), (0.3081,)
Split = Literal["digits", "letters"]
EMNIST_CLASSES: dict[Split, int] = {"digits": 10, "letters": 26}
WITHOUT_FILES = "data=digits needs no files"


@checked
def mnist(*, root: PathText, download: bool = True, verify: bool = True) -> DataSet:
    """Return MNIST (LeCun, Cortes, Burges): 60,000 training and 10,000 test images of 10 digits.

    `root` is the folder that holds `MNIST/raw`. `verify=False` checks only the files' sizes, for files of
    one's own in the same layout.

    Raises:
        UserError: A file is damaged, or missing and cannot be fetched.
    """
    train = mnist_part(train=True, root=root, download=download, verify=verify)
    test = mnist_part(train=False, root=root, download=download, verify=verify)
    return _data_set("mnist", 10, train, test)


@checked
def fashion_mnist(*, root: PathText, download: bool = True, verify: bool = True) -> DataSet:
    """Return Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747): MNIST's layout, 10 classes of clothes.

    `root` is the folder that holds `FashionMNIST/raw`; `verify` as of MNIST.

    Raises:
        UserError: a file is damaged, or missing and cannot be fetched.
    """
    train, test = (
        mnist_part(train=train, root=root, download=download, verify=verify, kind=FashionMNIST)
        for train in (True, False)
    )
    return measured("fashion_mnist", 10, train, test)


def mnist_part(
    *, train: bool, root: str, download: bool = True, verify: bool = True, kind: type[MNIST] = MNIST
) -> LabelledImages:
    """Return one part of MNIST, or of another data set in its layout; only that part's two files are needed."""
    files = []
    for (archive, archive_md5), (name, md5) in zip(kind.resources, IDX_MD5[kind].items(), strict=True):
        if name.startswith("train") == train:
            urls = tuple(f"{mirror}{archive}" for mirror in kind.mirrors)
            place = f"{kind.__name__}/raw"
            files.append(SourceFile(f"{place}/{name}", f"{place}/{archive}", urls, archive_md5, md5))
    images, labels = obtain(files, root=root, download=download, verify=verify, instead=WITHOUT_FILES)
    return _idx_part(images, labels, classes=10, first_label=0, transpose=False)


@checked
def emnist(
    *, split: Split, root: PathText, download: bool = True, verify: bool = True, as_stored: bool = False
) -> DataSet:
    """Return EMNIST (Cohen et al. 2017, arXiv:1702.05373), split `digits` or `letters`.

    `digits`: 240,000 training and 40,000 test images of 10 classes; `letters`: 124,800 and 20,800 of 26,
    numbered from 0. The files store every image transposed; it is set upright unless `as_stored`.

    Raises:
        UserError: a file is damaged, or missing and cannot be fetched.
    """
    train = emnist_part(split=split, train=True, root=root, download=download, verify=verify, as_stored=as_stored)
    test = emnist_part(split=split, train=False, root=root, download=download, verify=verify, as_stored=as_stored)
    return _data_set(f"emnist_{split}", EMNIST_CLASSES[split], train, test)


def emnist_part(
    *,
    split: Split,
    train: bool,
    root: str,
    download: bool = True,
    verify: bool = True,
    as_stored: bool = False,
    instead: str = WITHOUT_FILES,
) -> LabelledImages:
    """Return one part of one split of EMNIST; only that part's two files are needed.

    `instead` ends the sentence of an error: what works without these files.
    """
    prefix = f"emnist-{split}-{'train' if train else 'test'}"
    files = [
        SourceFile(f"EMNIST/raw/{prefix}-{kind}-ubyte", "EMNIST/raw/gzip.zip", (EMNIST.url,), EMNIST.md5)
        for kind in ("images-idx3", "labels-idx1")
    ]
    images, labels = obtain(files, root=root, download=download, verify=verify, instead=instead)
    first_label = 1 if split == "letters" else 0
    return _idx_part(images, labels, classes=EMNIST_CLASSES[split], first_label=first_label, transpose=not as_stored)


@checked
def usps(*, root: PathText, download: bool = True, verify: bool = True) -> DataSet:
    """Return USPS (Hull 1994): 7,291 training and 2,007 test images of 10 digits, 16x16 brought to 28x28.

    `root` is the folder that holds `usps.bz2` and `usps.t.bz2`.

    Raises:
        UserError: A file is damaged, or missing and cannot be fetched.
    """
    train = usps_part(train=True, root=root, download=download, verify=verify)
    test = usps_part(train=False, root=root, download=download, verify=verify)
    return _data_set("usps", 10, train, test)


def usps_part(
    *, train: bool, root: str, download: bool = True, verify: bool = True, instead: str = WITHOUT_FILES
) -> LabelledImages:
    """Return one part of USPS; only that part's file is needed.

    `instead` ends the sentence of an error: what works without this file.
    """
    url, name, md5 = USPS.split_list["train" if train else "test"]
    files = [SourceFile(name, name, (url,), md5, md5)]
    (version,) = obtain(files, root=root, download=download, verify=verify, instead=instead)
    try:
        return _usps_part(version, train=train)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise UserError(
            f"{version.path} is damaged ({error}): delete it, then get {url} (md5 {md5}) and put it there, "
            f"or go on without it: {instead}"
        ) from error


@lru_cache(maxsize=1)
def digits() -> DataSet:
    """Return scikit-learn's digits: 1,797 images of 10 digits, 8x8 brought to 28x28; needs no file.

    The first 1,200 images in the file's order are the training part, the last 597 the test part.
    """
    images, targets = load_digits(return_X_y=True)
    pixels = _enlarge(torch.from_numpy(images).reshape(-1, 8, 8).to(torch.float32) * (255 / 16))
    labels = torch.from_numpy(targets).to(torch.int64)
    train, test = LabelledImages(pixels[:1200], labels[:1200]), LabelledImages(pixels[1200:], labels[1200:])
    return _data_set("digits", 10, train, test)


@lru_cache(maxsize=8)
def _idx_part(
    images: FileVersion, labels: FileVersion, *, classes: int, first_label: int, transpose: bool
) -> LabelledImages:
    # Not the class MNIST: it prefers unchecked .pt files of its old versions where they lie beside these.
    pixels, numbers = read_image_file(str(images.path)), read_label_file(str(labels.path)) - first_label
    if transpose:
        pixels = pixels.mT.contiguous()
    return checked_part(pixels.unsqueeze(1), numbers, labels.path, classes)


@lru_cache(maxsize=2)
def _usps_part(version: FileVersion, *, train: bool) -> LabelledImages:
    stored = USPS(version.path.parent, train=train)
    pixels = _enlarge(torch.from_numpy(stored.data).to(torch.float32))
    return checked_part(pixels, torch.tensor(stored.targets), version.path, 10)


def checked_part(
    images: UInt8[Tensor, "n c h w"], labels: Int64[Tensor, " m"], path: Path, classes: int
) -> LabelledImages:
    """Return the part, after the checks that no header can answer."""
    if len(images) != len(labels):
        raise UserError(
            f"{path} holds {len(labels)} labels for {len(images)} images: the two files must belong together"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(
            f"{path} holds labels from {int(labels.min())} to {int(labels.max())}, counted from 0: "
            f"with {classes} classes they must lie between 0 and {classes - 1}"
        )
    return LabelledImages(images, labels)


def _enlarge(images: Float[Tensor, "n height width"]) -> UInt8[Tensor, "n 1 28 28"]:
    """Bring images with values in 0..255 to 28x28, bilinear."""
    resized = interpolate(images.unsqueeze(1), size=(28, 28), mode="bilinear", antialias=True)
    return resized.round().clamp(0, 255).to(torch.uint8)


@lru_cache(maxsize=4)
def _data_set(name: str, classes: int, train: LabelledImages, test: LabelledImages) -> DataSet:
    return DataSet.of(name, classes, train, test, mean=MNIST_MEAN, std=MNIST_STD)


measured = lru_cache(maxsize=4)(DataSet.of)  # with the mean and the standard deviation of its training part
