"""A target that looks up what it was asked before: most attacks ask about the same images again and again."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from privattack.data.images import LabelledImages, digests


class RememberedTarget:
    """Answers as the target does, each known image from memory.

    Whole parts of data are learnt in one go, in their own order: so an image gets the same answer, to the last
    bit, whoever asks first, and a job of a sweep what it would get alone.

    Args:
        model: maps pixels in [0, 1], `(n, c, h, w)`, to log-probabilities `(n, classes)`.
    """

    def __init__(self, model: Callable[[Tensor], Tensor]) -> None:
        self.model = model
        self._rows: dict[bytes, int] = {}
        self._table: Float[Tensor, "known classes"] | None = None

    def remember(
        self, images: LabelledImages, log_probabilities: Float[Tensor, "n classes"] | None = None
    ) -> Float[Tensor, "n classes"]:
        """Learn the answers for `images`, given or asked for now, and return those that hold from now on."""
        if not all(digest in self._rows for digest in images.digests):
            answers = self.model(images.pixels()) if log_probabilities is None else log_probabilities
            first = 0 if self._table is None else len(self._table)
            for place, digest in enumerate(images.digests):
                self._rows.setdefault(digest, first + place)
            self._table = answers if self._table is None else torch.cat([self._table, answers])
        return self._look_up(images.digests)

    def __call__(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Answer a batch; if any of its images is unknown, the target answers all of it."""
        known = self.recall(pixels)
        return self.model(pixels) if known is None else known

    def recall(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"] | None:
        """Answer a batch from memory; None if any of its images is unknown."""
        asked = digests(pixels)
        return self._look_up(asked) if all(digest in self._rows for digest in asked) else None

    def _look_up(self, asked: list[bytes]) -> Float[Tensor, "n classes"]:
        assert self._table is not None
        return self._table[torch.tensor([self._rows[digest] for digest in asked], dtype=torch.int64)]
