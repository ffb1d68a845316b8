"""`data=folder`: images in one folder for each class, as torchvision's `ImageFolder` has them."""

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

from privattack.checks import PathText, Seed, checked
from privattack.data.decoded import ListedFile, decoded, listed
from privattack.data.image_files import Colour, Side
from privattack.data.images import DataSet, LabelledImages
from privattack.data.parts import ShareOfAll, check_classes, split_by_class
from privattack.errors import SettingError, shown

LAYOUT = "train/CLASS/ and test/CLASS/ with images, or CLASS/ alone"


class _Part(NamedTuple):
    """The files of a part, by class, and their labels."""

    classes: tuple[str, ...]
    files: tuple[ListedFile, ...]
    labels: tuple[int, ...]


@checked
def folder(
    *,
    path: PathText,
    cache: PathText,
    size: Side | None = None,
    colour: Colour | None = None,
    test_share: ShareOfAll = 0.2,
    seed: Seed = 0,
) -> DataSet:
    """Return the images below a folder. Classes are numbered in the order of their folders' names.

    Args:
        path: holds `train/CLASS/*` and `test/CLASS/*`, or `CLASS/*`, of which a share becomes the test part.
        cache: where decoded images are kept.
        size: the side in pixels that every image is brought to; None needs images of one size.
        colour: `grey` or `rgb`, which every image is turned into; None needs images of one kind.
        test_share: of each class, where there is no test part.
        seed: of the choice of the test part.

    Raises:
        SettingError: there is no such folder, or its images are no two parts of two classes or more.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise SettingError({"path": path}, f"there is no such folder; give one that holds {LAYOUT}")
    parts = [name for name in ("train", "test") if (root / name).is_dir()]
    if len(parts) == 1:
        raise SettingError(
            {"path": path},
            f"has {parts[0]}/ without {'test' if parts[0] == 'train' else 'train'}/; add it, or "
            f"give path={shown(os.path.join(path, parts[0]))} to have a part of that for the test",
        )
    found = tuple(_part(root, name, path) for name in parts or ["."])
    if len({part.classes for part in found}) > 1:
        only = sorted({*found[0].classes} ^ {*found[1].classes})
        raise SettingError(
            {"path": path},
            f"train/ and test/ have other classes ({', '.join(map(shown, only[:3]))} in one of them only); "
            "give both the same folders",
        )
    return _read(root, found, path, cache, size, colour, test_share, seed)


def _part(root: Path, name: str, path: str) -> _Part:
    """List the images of a part."""
    place = root / name
    try:
        if not any(entry.is_dir() for entry in os.scandir(place)):
            where = "" if name == "." else f"{name}/ "
            raise SettingError({"path": path}, f"{where}has no folder of a class; give a folder that holds {LAYOUT}")
        classes, numbers = find_classes(place)
        samples = make_dataset(place, numbers, IMG_EXTENSIONS, allow_empty=True)
        files = listed(root, [file for file, _ in samples])
    except OSError as error:
        raise SettingError({"path": path}, f"cannot be read ({error}); give a folder that you can read") from error
    if not files:
        kinds = ", ".join(IMG_EXTENSIONS)
        raise SettingError({"path": path}, f"the folders of its classes hold no image; images end in {kinds}")
    labels = tuple(label for _, label in samples)
    names = [os.path.normpath(os.path.join(name, one)) for one in classes]
    check_classes(torch.tensor(labels), names, path=path)
    return _Part(tuple(classes), files, labels)


@lru_cache(maxsize=2)
def _read(
    root: Path, parts: tuple[_Part, ...], path: str, cache: str, size: int | None, colour: Colour | None,
    test_share: float, seed: int,
) -> DataSet:  # fmt: skip
    if len(parts) == 1:
        check_classes(torch.tensor(parts[0].labels), parts[0].classes, path=path, least=2)
    files = [file for part in parts for file in part.files]
    square = None if size is None else (size, size)
    images = decoded(root, files, path=path, size=square, colour=colour, cache=cache).images
    both = LabelledImages(images, torch.tensor([label for part in parts for label in part.labels]))
    if len(parts) == 1:
        train, test = (both.take(places) for places in split_by_class(both.labels, test_share=test_share, seed=seed))
    else:
        lengths = [len(part.files) for part in parts]
        train, test = map(LabelledImages, both.images.split(lengths), both.labels.split(lengths))
    return DataSet.of("folder", len(parts[0].classes), train, test)
