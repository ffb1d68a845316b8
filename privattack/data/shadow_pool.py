"""The shadow pool: the images of which the target and every shadow model learn a half."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from privattack.data.images import LabelledImages
from privattack.errors import UserError
from privattack.randomness import generator


@dataclass(frozen=True, eq=False)
class ShadowPool:
    """Images in random order, and which of them the target was trained on: exactly half.

    Attributes:
        origin: which image of the members, or else of the non-members, each is.
        canaries: how many of the images, the last, are canaries: the target was trained on those for which a coin was.
    """

    images: LabelledImages
    membership: Bool[Tensor, " n"]
    origin: Int64[Tensor, " n"]
    canaries: int = 0

    def beside(self, learnt: LabelledImages, spared: LabelledImages) -> "ShadowPool":
        """Return the pool with canaries, of which the target was trained on some."""
        if not len(learnt) + len(spared):
            return self
        coins = torch.arange(len(learnt) + len(spared)) < len(learnt)
        origin = torch.cat([self.origin, torch.arange(len(coins))])
        images = self.images.join(learnt).join(spared)
        return ShadowPool(images, torch.cat([self.membership, coins]), origin, len(coins))


def make_shadow_pool(
    members: LabelledImages, nonmembers: LabelledImages, *, most: int, seed: int, may_be_smaller: bool = False
) -> ShadowPool:
    """Put as many non-members to the members as there are members.

    With `may_be_smaller`, where there are fewer non-members than members, as many members as non-members.

    Args:
        most: how many members there could be, for the sentence.

    Raises:
        UserError: there are fewer non-members than members.
    """
    size = min(len(members), len(nonmembers))
    if size < len(members) and not may_be_smaller:
        raise UserError(
            f"target.train_size={len(members)}: a shadow model learns as many images as the target, half of a pool "
            f"with as many non-members as members, and there are {len(nonmembers)} non-members; set target.train_size "
            f"to {most} or less, or shadow.other_recipe=true for shadow models that learn fewer images."
        )
    random = generator(seed, "pool")
    chosen = [torch.randperm(len(part), generator=random)[:size] for part in (members, nonmembers)]
    images = members.take(chosen[0]).join(nonmembers.take(chosen[1]))
    order = torch.randperm(2 * size, generator=random)
    return ShadowPool(images.take(order), order < size, torch.cat(chosen)[order])
