"""Membership inference with shadow models, against the target or against shadow models in its place."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from privattack import metrics
from privattack.attacks.extraction.learning.averaging import Averaged
from privattack.attacks.membership.base import Inference
from privattack.attacks.membership.shadow import Answers, Auxiliary, ShadowAttack, ShadowModel, told
from privattack.audits.base import Audit, Outcome
from privattack.audits.blind import cross_fitted
from privattack.audits.canaries import PrivacyAudit, Said
from privattack.audits.exposure import judge_overlap, most_exposed
from privattack.audits.judges import judge_membership
from privattack.data.images import DataSet, LabelledImages
from privattack.data.shadow_pool import ShadowPool
from privattack.defences.base import Defence
from privattack.defences.owner import Owner
from privattack.defences.repeated import Repeated
from privattack.errors import UserError
from privattack.models.shadow_bank import BankOrder, ShadowBank
from privattack.randomness import derive, generator
from privattack.results.result import Asked, Shadow
from privattack.service import Service
from privattack.victims import Victim

# Below it, chance alone may leave no member or no non-member among them.
FEWEST_CANDIDATES = 40


@dataclass(frozen=True)
class Round:
    """Who is asked about in one repetition.

    Attributes:
        candidates: places in the pool.
        public: places in the test part.
    """

    candidates: Int64[Tensor, " n"]
    public: Int64[Tensor, " p"]
    seed: int


class ShadowAudit(Audit):
    """Asks about images of the pool that target and shadow models learnt halves of.

    Args:
        pool: the images, and which of them the target was trained on.
        canaries: how the pool's canaries are judged, apart from the other images.
        shadows: how many shadow models there are; `order` says which, and None that they are given to `run`.
        targets: how many of them play the target, each once, the first of each pair: the second is no independent
            target. None attacks the target itself.
        seeds: one per repetition.

    Raises:
        UserError: there are too few shadow models or public images, or the budget is too small.
    """

    def __init__(
        self,
        attack: ShadowAttack,
        data: DataSet,
        pool: ShadowPool,
        order: BankOrder | None,
        defence: Defence,
        canaries: PrivacyAudit,
        *,
        shadows: int,
        targets: int | None,
        budget: int,
        seeds: Sequence[int],
    ) -> None:
        if targets is not None and 2 * targets > shadows:
            raise UserError(
                f"targets={targets}: of shadow.count={shadows} shadow models at most half play the target, one of each "
                f"pair; use 1 to {shadows // 2}, or more shadow models."
            )
        if targets is not None and len(seeds) > 1:
            raise UserError(
                f"repetitions={len(seeds)}: with targets={targets} each target is attacked once; leave repetitions out."
            )
        height, width = data.shape[1:]
        if attack.reach >= min(height, width):
            raise UserError(
                f"attack: {type(attack).__name__} shifts images by up to {attack.reach} pixels, and these have "
                f"{height}x{width}, so that nothing would be left; set attack.shift, or attack.augmentations, lower."
            )
        # Where one plays the target, its pair is left out.
        needed = attack.least_shadows + (0 if targets is None else 2)
        if shadows < needed:
            raise UserError(
                f"shadow.count={shadows}: the attack needs {needed} shadow models or more; set shadow.count={needed}."
            )
        self.attack = attack
        self.data = data
        self.pool = pool
        self.order = order
        self.defence = defence
        self.canaries = canaries
        self.targets = targets
        self.budget = budget
        self.rounds = _rounds(attack, data, pool, budget, seeds)

    def bank(self) -> ShadowBank | None:
        """Return the bank, which models in the target's place come from, too; see the base class."""
        if self.order is None or (self.targets is None and not self.attack.least_shadows):
            return None
        return self.order.obtain()

    def run(self, victims: Sequence[Victim], bank: ShadowBank | None = None) -> Outcome:
        """Infer and judge; see the base class."""
        if self.targets is None:
            victims[0].remember(self.pool.images)
            attacked: list[tuple[Victim, np.ndarray, int | None]]
            attacked = [(victims[0], self.pool.membership.numpy(), None)]
        else:
            assert bank is not None
            numbers = bank.stand_ins(self.targets)
            attacked = [
                (victim, bank.membership[number].numpy(), number)
                for victim, number in zip(victims, numbers, strict=True)
            ]
        inferences: list[list[Inference]] = []
        memberships: list[Bool[np.ndarray, " n"]] = []
        asked: list[LabelledImages] = []
        services: list[Service] = []
        imitations = [] if bank is None else _imitations(self.defence, bank, self.data)
        counter = self.defence.imitation().counter()
        repeats = 1 if counter.copies else counter.repeats
        averaging: list[Defence] = [Repeated(one, repeats=repeats) for one in imitations]
        seconds, written = 0.0, {"pool": self.pool.origin.numpy()}
        written["pool_membership"] = np.stack([everyone for _, everyone, _ in attacked])
        for count, one in enumerate(self.rounds):
            auxiliary = self._auxiliary(bank, imitations, one)
            again = self._auxiliary(bank, averaging, one) if repeats > 1 else auxiliary
            for victim, everyone, number in attacked:
                others = auxiliary if number is None else auxiliary.without(number)
                # Each target's noise is its own.
                session = one.seed if number is None else derive(one.seed, "target.session", number)
                services.append(victim.open(budget=self.budget, seed=session))
                started = time.perf_counter()
                inferred = self.attack.run(services[-1], others, seed=one.seed)
                if repeats > 1:  # of fresh noise
                    services.append(victim.open(budget=repeats * self.budget, seed=derive(session, "average")))
                    front = Averaged(services[-1], repeats=repeats, copies=False)
                    averaging_others = again if number is None else again.without(number)
                    averaged = self.attack.run(front, averaging_others, seed=one.seed)
                    inferred += [replace(found, name=f"{found.name}_averaged") for found in averaged]
                seconds += time.perf_counter() - started
                membership = everyone[one.candidates.numpy()]
                inferences.append([*inferred, cross_fitted(auxiliary.candidates, membership, seed=one.seed)])
                memberships.append(membership)
                asked.append(auxiliary.candidates)
            written[f"candidates_{count}"] = one.candidates.numpy()
            written[f"public_{count}"] = one.public.numpy()
        average = metrics.over_repetitions if self.targets is None else metrics.over_targets
        said = Said(inferences, memberships, asked)
        extra: dict[str, Any] = {}
        if self.pool.canaries:
            at = [one.candidates.numpy() >= len(self.pool.images) - self.pool.canaries for one in self.rounds]
            on = [place for place in at for _ in attacked]
            seed = self.rounds[0].seed
            extra["canaries"] = self.canaries.judge(said.only(on), targets=self.targets is not None, seed=seed)
            said = said if on[0].all() else said.only([~place for place in on])
        return Outcome(
            judge_membership(*said, targets=self.targets is not None),
            services,
            seconds,
            split=written,
            extra=extra
            | {
                "shadow": None if bank is None else _describe(bank, self.data),
                "audit": Asked(
                    pool=len(self.pool.images),
                    candidates=len(self.rounds[0].candidates),
                    public=len(self.rounds[0].public),
                ),
                "found": judge_overlap(said.inferences, said.memberships, average=average),
                "exposed": most_exposed(*said),
            },
        )

    def _auxiliary(self, bank: ShadowBank | None, imitations: Sequence[Defence], one: Round) -> Auxiliary:
        auxiliary = Auxiliary(self.pool.images.take(one.candidates), self.data.test.take(one.public), [])
        if bank is None:
            return auxiliary
        shadows = [_shadow_model(bank, number, known, auxiliary, one) for number, known in enumerate(imitations)]
        return replace(auxiliary, shadows=shadows)


def _imitations(defence: Defence, bank: ShadowBank, data: DataSet) -> list[Defence]:
    """Return the defence behind which each model lies.

    The attackers know it, not its secrets; what has to be trained, they train on their own models.
    """

    def owner(number: int) -> Owner:
        def answers(pixels: Tensor) -> Tensor:
            # Not kept: what a bank's models remember would fill the memory.
            return bank.in_the_targets_place(number, data).model(pixels)

        return Owner(answers, bank.pool, bank.membership[number], bank.beside(number, data))

    return [defence.imitation().fitted(owner(number)) for number in range(len(bank))]


def _shadow_model(bank: ShadowBank, number: int, defence: Defence, auxiliary: Auxiliary, one: Round) -> ShadowModel:
    def defended(session: Defence, log_probabilities: Tensor, images: Tensor) -> Float[Tensor, "n classes"]:
        return told(session(log_probabilities, images), session.reveals)

    seed = derive(one.seed, "shadow.session", number)

    def answers() -> Answers:
        session = defence.session(seed)  # anew, so that the same answers come again
        return Answers(
            defended(session, bank.on_pool(number)[one.candidates], auxiliary.pixels("candidates")).double().numpy(),
            defended(session, bank.on_test(number)[one.public], auxiliary.pixels("public")).double().numpy(),
        )

    asked = defence.session(seed)

    def ask(images: Tensor) -> Float[Tensor, "n classes"]:
        return defended(asked, bank.model(number)(images), images)

    # A defence may take a millisecond an image, and many attacks ask again: its answers are worth their memory.
    kept = cache(answers) if defence.distorts else answers
    return ShadowModel(bank.membership[number, one.candidates].numpy(), kept, ask)


def _rounds(attack: ShadowAttack, data: DataSet, pool: ShadowPool, budget: int, seeds: Sequence[int]) -> list[Round]:
    """Choose in each repetition as many candidates as the budget allows, and the public images."""
    asked = set(pool.images.digests)
    unasked = [place for place, digest in enumerate(data.test.digests) if digest not in asked]
    free = torch.tensor(unasked, dtype=torch.int64)
    public = min(attack.public, len(free))
    if public < attack.least_public:
        raise UserError(
            f"attack.public={attack.public}: the attack needs {attack.least_public} public images or more, and the "
            f"test part has {len(free)} that are not in the pool; choose nonmembers=holdout."
        )
    count = min(len(pool.images), (budget - public) // attack.queries)
    if count < FEWEST_CANDIDATES:
        needed = FEWEST_CANDIDATES * attack.queries + public
        raise UserError(
            f"budget={budget}: leaves {max(count, 0)} images to ask about, with {attack.queries} queries for each and "
            f"{public} for public images, from a pool of {len(pool.images)}; {FEWEST_CANDIDATES} are needed: set "
            f"budget to {needed} or more, and target.train_size to {FEWEST_CANDIDATES // 2} or more."
        )
    rounds = []
    natural = len(pool.images) - pool.canaries
    canaries = torch.arange(natural, len(pool.images))
    if count < pool.canaries:
        raise UserError(
            f"budget={budget}: leaves {count} images to ask about, and there are {pool.canaries} canaries; set budget "
            f"to {pool.canaries * attack.queries + public} or more."
        )
    if 0 < count - pool.canaries < FEWEST_CANDIDATES:
        needed = (pool.canaries + FEWEST_CANDIDATES) * attack.queries + public
        raise UserError(
            f"budget={budget}: leaves {count - pool.canaries} images to ask about beside {pool.canaries} canaries, "
            f"from a pool of {natural}; {FEWEST_CANDIDATES} are needed: set budget to {needed} or more, and "
            f"target.train_size to {FEWEST_CANDIDATES // 2} or more."
        )
    for seed in seeds:
        drawn = torch.randperm(natural, generator=generator(seed, "candidates"))[: count - pool.canaries]
        candidates = torch.cat([drawn, canaries])
        chosen = torch.randperm(len(free), generator=generator(seed, "public"))[:public]
        rounds.append(Round(candidates.sort().values, free[chosen], seed))
    return rounds


def _describe(bank: ShadowBank, data: DataSet) -> Shadow:
    members, test = [], []
    for number in range(len(bank)):
        members.append(metrics.proportion(bank.member_hits(number).numpy()))
        test.append(metrics.proportion((bank.on_test(number).argmax(dim=1) == data.test.labels).numpy()))
    return Shadow(
        count=len(bank),
        trained=bank.trained,
        train_accuracy=metrics.over_targets(members),
        test_accuracy=metrics.over_targets(test),
        fingerprints=bank.fingerprints,
    )
