"""Membership inference by an attacker who knows half of the answers."""

import time
from collections.abc import Sequence

import numpy as np

from privattack.attacks.membership.base import Candidates, MembershipAttack
from privattack.audits.base import Audit, Outcome
from privattack.audits.blind import blind_inference
from privattack.audits.exposure import most_exposed
from privattack.audits.judges import judge_membership
from privattack.data.images import LabelledImages
from privattack.data.splits import split_candidates
from privattack.models.shadow_bank import ShadowBank
from privattack.victims import Victim


class MembershipAudit(Audit):
    """Asks about members and non-members, half of each known to the attacker.

    Raises:
        UserError: the budget is larger than there are images, or too small.
    """

    def __init__(
        self,
        attack: MembershipAttack,
        members: LabelledImages,
        nonmembers: LabelledImages,
        *,
        budget: int,
        seeds: Sequence[int],
    ) -> None:
        self.attack = attack
        self.members = members
        self.nonmembers = nonmembers
        self.budget = budget
        self.seeds = seeds
        self.splits = [split_candidates(len(members), len(nonmembers), budget=budget, seed=seed) for seed in seeds]

    def run(self, victims: Sequence[Victim], bank: ShadowBank | None = None) -> Outcome:
        """Infer and judge; see the base class."""
        (victim,) = victims
        victim.remember(self.nonmembers)
        inferences, memberships, asked, services, seconds = [], [], [], [], 0.0
        written: dict[str, np.ndarray] = {}
        for number, (split, seed) in enumerate(zip(self.splits, self.seeds, strict=True)):
            images = self.members.take(split.members).join(self.nonmembers.take(split.nonmembers))
            candidates = Candidates(
                images.take(split.known), split.membership(split.known).numpy(), images.take(split.unknown)
            )
            services.append(victim.open(budget=self.budget, seed=seed))
            started = time.perf_counter()
            inferred = self.attack.run(services[-1], candidates, seed=seed)
            seconds += time.perf_counter() - started
            inferences.append([*inferred, blind_inference(candidates)])
            memberships.append(split.membership(split.unknown).numpy())
            asked.append(candidates.unknown)
            for name in ("members", "nonmembers", "known", "unknown"):
                written[f"candidates_{number}_{name}"] = getattr(split, name).numpy()
        return Outcome(
            judge_membership(inferences, memberships, asked),
            services,
            seconds,
            split=written,
            extra={"exposed": most_exposed(inferences, memberships, asked)},
        )
