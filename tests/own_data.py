"""Data sets of one's own, as functions that `data._target_` names."""

import torch

from privattack.data.images import DataSet, LabelledImages, Shape


def colour() -> DataSet:
    """Return images that are neither grey, nor square, nor of MNIST's size."""
    return _stripes((3, 20, 24))


def grey() -> DataSet:
    """Return images of MNIST's shape."""
    return _stripes((1, 28, 28))


def _stripes(shape: Shape) -> DataSet:
    """Return noise with a bright row at a height that tells the class."""
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (400,), generator=random)
    images = torch.randint(0, 60, (400, *shape), generator=random)
    images[torch.arange(400), :, 4 * labels + 2] += 150
    whole = LabelledImages(images.to(torch.uint8), labels)
    places = torch.arange(400)
    return DataSet.of("stripes", 4, whole.take(places[:200]), whole.take(places[200:]))
