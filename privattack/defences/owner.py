"""The owner of a target, as a defence that has to be trained sees them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from privattack.data.images import DataSet, LabelledImages
from privattack.models.recipes import Train

Answers = Callable[[Float[Tensor, "n c h w"]], Float[Tensor, "n classes"]]


@dataclass(frozen=True)
class Owner:
    """What the owner of a target has; or an attacker, who owns shadow models.

    Attributes:
        answers: the target: pixels in [0, 1] to log-probabilities.
        images: those that the target was trained on, and others of the same kind.
        membership: which are which.
        train: trains a second model; None where nobody knows how the target was trained.
    """

    answers: Answers
    images: LabelledImages
    membership: Bool[Tensor, " n"]
    train: Train | None = None

    @classmethod
    def of(cls, answers: Answers, data: DataSet, members: Tensor | None, *, train: Train | None = None) -> "Owner":
        """Return the owner of a target.

        Args:
            members: places in the training part; None where nobody knows them.
        """
        images = data.train.join(data.test)
        membership = torch.zeros(len(images), dtype=torch.bool)
        if members is not None:
            membership[members] = True
        return cls(answers, images, membership, train)

    def some(self, *, members: bool, most: int) -> LabelledImages:
        """Return the first of the members, or of the others."""
        return self.images.take((self.membership == members).nonzero().flatten()[:most])
