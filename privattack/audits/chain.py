"""Model extraction, and membership inference on what was extracted."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from privattack.attacks.chain import ExtractThenInfer
from privattack.attacks.membership.base import Candidates, Inference
from privattack.audits.base import Audit, Outcome
from privattack.audits.blind import blind_inference
from privattack.audits.judges import judge_extraction, judge_membership
from privattack.data.images import DataSet, LabelledImages
from privattack.data.query_pool import QueryPool
from privattack.data.splits import split_candidates
from privattack.defences.none import NoDefence
from privattack.models.shadow_bank import ShadowBank
from privattack.models.surrogate import SurrogateTrainer
from privattack.randomness import derive
from privattack.results.result import Copied
from privattack.service import Service
from privattack.victims import Victim


class ChainAudit(Audit):
    """Surrogates, and for each repetition the same inference on the target and on its surrogate.

    No candidate lies in the query pool: a surrogate learns the images that it was made from, and would betray those.

    Raises:
        UserError: the extraction cannot work with this budget and pool, or there are too few candidates.
    """

    def __init__(
        self,
        attack: ExtractThenInfer,
        data: DataSet,
        pool: QueryPool,
        surrogates: SurrogateTrainer,
        members: LabelledImages,
        nonmembers: LabelledImages,
        *,
        budget: int,
        seeds: Sequence[int],
    ) -> None:
        attack.extraction.check(pool, budget=budget)
        self.attack = attack
        self.data = data
        self.pool = pool
        self.surrogates = surrogates
        self.members, self.nonmembers = _outside(members, pool), _outside(nonmembers, pool)
        self.budget = budget
        self.seeds = seeds
        sizes, asked = (len(self.members), len(self.nonmembers)), attack.candidates
        self.splits = [split_candidates(*sizes, budget=asked, seed=seed, setting="attack.candidates") for seed in seeds]

    def run(self, victims: Sequence[Victim], bank: ShadowBank | None = None) -> Outcome:
        """Extract, infer and judge; see the base class."""
        (victim,) = victims
        victim.remember(self.nonmembers)
        services = [victim.open(budget=self.budget, seed=seed) for seed in self.seeds]
        started = time.perf_counter()
        extraction = self.attack.extraction.run(
            services, self.pool, self.surrogates, budgets=[self.budget], seeds=self.seeds
        )
        inferences: list[list[Inference]] = []
        memberships: list[np.ndarray] = []
        asked: list[LabelledImages] = []
        written: dict[str, np.ndarray] = {}
        for number, (split, seed) in enumerate(zip(self.splits, self.seeds, strict=True)):
            images = self.members.take(split.members).join(self.nonmembers.take(split.nonmembers))
            candidates = Candidates(
                images.take(split.known), split.membership(split.known).numpy(), images.take(split.unknown)
            )
            surrogate = extraction.surrogates.model(0, number)
            direct = victim.open(budget=self.attack.candidates, seed=derive(seed, "direct"))
            on_copy = Service(surrogate, NoDefence(), budget=self.attack.candidates)
            inferences.append(
                [
                    *self.attack.inference.run(direct, candidates, seed=seed),
                    *(_of_copy(one) for one in self.attack.inference.run(on_copy, candidates, seed=seed)),
                    blind_inference(candidates),
                ]
            )
            memberships.append(split.membership(split.unknown).numpy())
            asked.append(candidates.unknown)
            for name in ("members", "nonmembers", "known", "unknown"):
                written[f"candidates_{number}_{name}"] = getattr(split, name).numpy()
        seconds = time.perf_counter() - started
        copied = judge_extraction(extraction, victim.judged(self.data.test))[0].metrics
        return Outcome(
            judge_membership(inferences, memberships, asked),
            services,
            seconds,
            curves=extraction.surrogates.history,
            split=written,
            extra={"copy": Copied(fidelity=copied["fidelity"], accuracy=copied["accuracy"])},
        )


def _outside(images: LabelledImages, pool: QueryPool) -> LabelledImages:
    owned = set(pool.images.digests)
    keep = np.array([digest not in owned for digest in images.digests], dtype=bool)
    return LabelledImages(images.images[keep], images.labels[keep])


def _of_copy(inference: Inference) -> Inference:
    return replace(inference, name=f"{inference.name}_on_copy")
