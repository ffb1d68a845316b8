"""The trainings of adaptive misinformation (Kariyappa & Qureshi 2020, "Defending against model stealing attacks with
adaptive misinformation", section 4).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from pydantic import Field
from torch import Tensor

from privattack.checks import checked
from privattack.data.image_sources import EmnistLike, Holdout, ImageSource, TestPart
from privattack.data.images import LabelledImages, Shape
from privattack.errors import SettingError
from privattack.models.fitting import Training
from privattack.models.recipes import Batches, Supervised
from privattack.randomness import generator

NO_CLASS = -1  # the label of an outlier
FILES = ("root", "cache", "download", "verify")  # settings that say where images lie, not which they are


@checked
@dataclass(frozen=True, kw_only=True)
class OutlierExposure(Supervised):
    """Cross-entropy, and on as many outliers in each mini-batch cross-entropy to equal odds (Hendrycks et al. 2019).

    Attributes:
        outliers: images of other kinds, whose source and settings are part of the address, not their bytes.
        weight: of the loss on outliers.
    """

    VERSION = 1

    outliers: ImageSource
    weight: Annotated[float, Field(ge=0, le=1_000)]

    def __post_init__(self) -> None:
        if isinstance(self.outliers, EmnistLike | Holdout | TestPart):
            raise SettingError(
                {"outliers": self.outliers},
                "gives images of the target's own kind, and outliers are of others; choose noise, usps, fashion_mnist "
                "or a folder",
            )

    @property
    def address(self) -> dict[str, Any]:
        """What follows from the recipe; see the base class."""
        return {**super().address, "outliers": _source(self.outliers)}

    def objective(
        self, logits: Float[Tensor, "e b classes"], labels: Int64[Tensor, "e b"], *, epoch: int
    ) -> Float[Tensor, " e"]:
        known = labels[0] != NO_CLASS
        even = -F.log_softmax(logits[:, ~known], dim=2).mean(dim=2)
        return self.losses(logits[:, known], labels[:, known]) + self.weight * even.mean(dim=1)

    def _train(
        self,
        training: Training,
        batches: Batches,
        answered: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        **rest: Any,
    ) -> None:
        def exposed(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
            streams = [generator(seed, "target.outliers", epoch) for seed in rest["seeds"]]
            for images, labels in batches(epoch):
                found = _outliers(self.outliers, tuple(images.shape[2:]))
                places = [torch.randint(len(found), labels.shape[1:], generator=stream) for stream in streams]
                beside = found[torch.stack(places)].to(images.device).to(images) / 255
                yield torch.cat([images, beside], dim=1), torch.cat([labels, torch.full_like(labels, NO_CLASS)], dim=1)

        super()._train(training, exposed, answered, **rest)


@checked
@dataclass(frozen=True, kw_only=True)
class Misinformed(Supervised):
    """Learns to give an image's class no probability: the mean of -log(1 - p_y)."""

    VERSION = 1

    def objective(
        self, logits: Float[Tensor, "e b classes"], labels: Int64[Tensor, "e b"], *, epoch: int
    ) -> Float[Tensor, " e"]:
        others = logits.scatter(2, labels.unsqueeze(2), float("-inf"))
        return (logits.logsumexp(dim=2) - others.logsumexp(dim=2)).mean(dim=1)


@lru_cache(maxsize=2)
def _outliers(source: ImageSource, shape: Shape) -> UInt8[Tensor, "n c h w"]:
    none = LabelledImages(torch.empty(0, *shape, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))
    return source.images("pool", held_out=none, test=none, classes=0)[0].images


def _source(source: Any) -> dict[str, Any]:
    """Return which images a source, or what makes a data set, gives, wherever they lie."""
    made, settings = (source.func, source.keywords) if isinstance(source, partial) else (type(source), vars(source))
    told = {name: _source(value) if callable(value) else value for name, value in settings.items() if name not in FILES}
    return {"_target_": f"{made.__module__}.{made.__qualname__}", **told}
