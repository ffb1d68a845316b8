"""Who owns which image: members, held-out images, candidates. Every choice is seeded."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from privattack.errors import UserError
from privattack.randomness import generator

NOBODY = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True)
class TrainingSplit:
    """Indices into the training part: the target's members, and the images held out from it; disjoint.

    Attributes:
        canaries: those that it learns beside the members.
        spared: the other canaries.
    """

    members: Int64[Tensor, " m"]
    held_out: Int64[Tensor, " h"]
    canaries: Int64[Tensor, " c"] = NOBODY
    spared: Int64[Tensor, " s"] = NOBODY

    @property
    def learnt(self) -> Int64[Tensor, " l"]:
        """All that the target learns from."""
        return torch.cat([self.members, self.canaries])


def split_training(total: int, *, train_size: int | None, seed: int, canaries: int = 0) -> TrainingSplit:
    """Choose `train_size` members of `total` images at random, all where it is None, and toss a coin for each canary.

    All parts are sorted: the same members in another order are the same model's. Canaries come after the images.

    Raises:
        UserError: there are fewer images than that.
    """
    if train_size is not None and not 1 <= train_size <= total:
        raise UserError(
            f"target.train_size={train_size}: the training part has {total} images; use 1 to {total}, or null for all."
        )
    order = torch.randperm(total, generator=generator(seed, "split"))
    size = total if train_size is None else train_size
    heads = torch.rand(canaries, generator=generator(seed, "canaries.coins")) < 0.5
    coins = (total + part.nonzero().flatten() for part in (heads, ~heads))
    return TrainingSplit(order[:size].sort().values, order[size:].sort().values, *coins)


@dataclass(frozen=True)
class CandidateSplit:
    """Who is asked about in a membership inference, and whose membership the attacker is told.

    Places 0 to `len(members) - 1` are members, the rest non-members.

    Attributes:
        members: indices into the members.
        nonmembers: indices into the non-members.
        known: places that the attacker learns from, shuffled.
        unknown: places that the attackers are judged on, shuffled; disjoint from `known`.
    """

    members: Int64[Tensor, " m"]
    nonmembers: Int64[Tensor, " n"]
    known: Int64[Tensor, " k"]
    unknown: Int64[Tensor, " u"]

    def membership(self, places: Int64[Tensor, " p"]) -> Bool[Tensor, " p"]:
        """Say of each place whether a member lies there."""
        return places < len(self.members)


def split_candidates(
    members: int, nonmembers: int, *, budget: int, seed: int, setting: str = "budget"
) -> CandidateSplit:
    """Choose `budget` candidates, half members and half not, and half of either as known.

    With an odd budget there is one non-member more.

    Args:
        members, nonmembers: how many of each there are.
        setting: where the budget was set, for the sentence.

    Raises:
        UserError: the budget is above what there is, or too small to have a known and an unknown one of each.
    """
    most = min(2 * members + 1, 2 * nonmembers)
    if not 4 <= budget <= most:
        raise UserError(
            f"{setting}={budget}: with {members} members and {nonmembers} non-members, half of each, "
            f"a membership inference can ask about 4 to {most} images; set {setting} to one of those."
        )
    chosen_members = torch.randperm(members, generator=generator(seed, "members"))[: budget // 2]
    chosen_nonmembers = torch.randperm(nonmembers, generator=generator(seed, "nonmembers"))
    chosen_nonmembers = chosen_nonmembers[: budget - budget // 2]
    first = torch.arange(len(chosen_members))
    second = torch.arange(len(chosen_members), budget)
    shuffle = generator(seed, "known")
    known = torch.cat([first[: len(first) // 2], second[: len(second) // 2]])
    unknown = torch.cat([first[len(first) // 2 :], second[len(second) // 2 :]])
    return CandidateSplit(
        chosen_members,
        chosen_nonmembers,
        known[torch.randperm(len(known), generator=shuffle)],
        unknown[torch.randperm(len(unknown), generator=shuffle)],
    )


def halves_and_coins(images: int, canaries: int, *, models: int, seed: int) -> Bool[Tensor, "models both"]:
    """Choose for each model a half of the images, by `balanced_halves`, and toss a coin for each of the canaries.

    The second model of a pair has the other side of every coin.
    """
    halves = balanced_halves(images, models=models, seed=seed)
    coins = torch.zeros(models, canaries, dtype=torch.bool)
    for pair in range(models // 2):
        coins[2 * pair] = torch.rand(canaries, generator=generator(seed, "shadow.coins", pair)) < 0.5
        coins[2 * pair + 1] = ~coins[2 * pair]
    return torch.cat([halves, coins], dim=1)


def balanced_halves(images: int, *, models: int, seed: int) -> Bool[Tensor, "models images"]:
    """Choose a half of the images for each model, so that every image is in exactly half of the models.

    Models come in pairs, of which the second has what the first has not. So the halves of the first 16 models are
    those of the first 16 of 64, and any even number of models is balanced.

    Args:
        images, models: how many; both even.
    """
    halves = torch.zeros(models, images, dtype=torch.bool)
    for pair in range(models // 2):
        order = torch.randperm(images, generator=generator(seed, "shadow.half", pair))
        halves[2 * pair, order[: images // 2]] = True
        halves[2 * pair + 1] = ~halves[2 * pair]
    return halves
