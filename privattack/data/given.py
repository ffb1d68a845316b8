"""Images that a caller from Python gives, as arrays or tensors."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from privattack.data.image_sources import Found, Group, ImageSource
from privattack.data.images import LabelledImages
from privattack.errors import UserError

log = logging.getLogger(__name__)

FORMS = "give (images, labels): images (n, c, h, w) as uint8 or as floats from 0 to 1, labels (n,) as whole numbers"


@dataclass(frozen=True, kw_only=True)
class Given(ImageSource):
    """The caller's own images, whose labels are the target's classes."""

    given: LabelledImages

    def images(self, group: Group, *, held_out: LabelledImages, test: LabelledImages, classes: int) -> Found:
        """Return the images."""
        return self.given, True


def labelled(name: str, given: Any) -> LabelledImages:
    """Return images that a caller gave as `(images, labels)`.

    Args:
        name: of the argument, for the sentence.
        given: images `(n, c, h, w)`, or grey `(n, h, w)`, uint8 or floats in [0, 1], and labels `(n,)`: arrays,
            tensors or lists. A service takes 8-bit images: floats between are rounded, which is said in the log.

    Raises:
        UserError: it is something else, or holds no image.
    """
    if isinstance(given, LabelledImages):
        return given
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UserError(f"{name}: is a {type(given).__name__}; {FORMS}.")
    images, labels = _images(name, _tensor(name, given[0])), _labels(name, _tensor(name, given[1]))
    if not 0 < len(images) == len(labels):
        raise UserError(f"{name}: has {len(images)} images and {len(labels)} labels; {FORMS}.")
    return LabelledImages(images, labels)


def _tensor(name: str, given: Any) -> Tensor:
    try:
        return given.detach().cpu() if isinstance(given, Tensor) else torch.from_numpy(np.array(given))
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: cannot be taken as an array ({error}); {FORMS}.") from error


def _images(name: str, images: Tensor) -> UInt8[Tensor, "n c h w"]:
    if images.ndim == 3:
        images = images.unsqueeze(1)
    if images.ndim != 4 or not (images.dtype is torch.uint8 or images.is_floating_point()):
        kind = str(images.dtype).removeprefix("torch.")
        raise UserError(f"{name}: has images {tuple(images.shape)} of type {kind}; {FORMS}.")
    if images.dtype is torch.uint8 or len(images) == 0:
        return images.contiguous().to(torch.uint8)
    if not (images.isfinite().all() and images.min() >= 0 and images.max() <= 1):
        raise UserError(
            f"{name}: has pixels from {float(images.min()):g} to {float(images.max()):g}; give them from 0 to 1, and "
            "say as mean= and std= what the model wants to be taken out."
        )
    rounded = (images.double() * 255).round()
    if (rounded - images.double() * 255).abs().max() > 0.01:
        log.warning("%s: pixels are rounded to 8 bits, as a service takes them.", name)
    return rounded.to(torch.uint8).contiguous()


def _labels(name: str, labels: Tensor) -> Int64[Tensor, " n"]:
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex() or labels.dtype is torch.bool:
        kind = str(labels.dtype).removeprefix("torch.")
        raise UserError(f"{name}: has labels {tuple(labels.shape)} of type {kind}; {FORMS}.")
    return labels.to(torch.int64)
