"""What images of a user's own need to be a data set: two parts, each with images of every class."""

from collections.abc import Sequence
from typing import Annotated

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from privattack.errors import SettingError, shown
from privattack.randomness import generator

ShareOfAll = Annotated[float, Field(gt=0, lt=1)]


def check_classes(labels: Int64[Tensor, " n"], names: Sequence[str], *, path: str, least: int = 1) -> None:
    """Refuse a part that lacks images of a class, and a data set of one class.

    Args:
        labels: of one part, from 0 to `len(names) - 1`.
        names: what the classes are called in the sentence.
        path: the setting `path`, which the sentence begins with.
        least: how many images of each class are needed.

    Raises:
        SettingError: there are too few classes, or images of one.
    """
    if len(names) < 2:
        raise SettingError(
            {"path": path}, f"has only one class, {shown(names[0])}; an attacked classifier needs two or more"
        )
    few = (labels.bincount(minlength=len(names)) < least).nonzero().flatten().tolist()
    if few:
        some = ", ".join(shown(names[label]) for label in few[:3]) + (", ..." if len(few) > 3 else "")
        needed = "no image" if least == 1 else f"fewer than {least} images"
        raise SettingError(
            {"path": path},
            f"has {needed} of {len(few)} of the {len(names)} classes ({some}); add images, or leave those classes out",
        )


def split_by_class(
    labels: Int64[Tensor, " n"], *, test_share: float, seed: int
) -> tuple[Int64[Tensor, " train"], Int64[Tensor, " test"]]:
    """Choose a share of each class's images as the test part, at least one and not all.

    Args:
        labels: with two images or more of each class.

    Returns:
        The indices of the training part and of the test part, sorted.
    """
    random = generator(seed, "test_share")
    tested = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(int(labels.max()) + 1):
        places = (labels == label).nonzero().flatten()
        count = min(max(round(test_share * len(places)), 1), len(places) - 1)
        tested[places[torch.randperm(len(places), generator=random)[:count]]] = True
    return (~tested).nonzero().flatten(), tested.nonzero().flatten()
