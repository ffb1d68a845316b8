"""Model extraction: one target, as many surrogates as attackers and repetitions."""

import copy
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from privattack import metrics
from privattack.attacks.extraction.base import NOBODY_ELSE, Extraction, ExtractionAttack
from privattack.attacks.extraction.learning.averaging import Averaged
from privattack.attacks.extraction.learning.base import Learning
from privattack.attacks.knowledge import Knowledge
from privattack.audits.base import Audit, Outcome
from privattack.audits.judges import Verdict, judge_extraction
from privattack.audits.transfer import Transfer
from privattack.data.images import DataSet, LabelledImages
from privattack.data.query_pool import QueryPool
from privattack.models.shadow_bank import ShadowBank
from privattack.models.surrogate import SurrogateTrainer
from privattack.randomness import derive
from privattack.results.result import Pool
from privattack.service import Service
from privattack.victims import Judged, Victim

log = logging.getLogger(__name__)


class ExtractionAudit(Audit):
    """Queries come from the query pool; surrogates are judged by the data set's test part.

    Args:
        surrogates: how surrogates are trained.
        transfer: how well adversarial examples transfer is judged, too; None leaves it out.
        learning: who learns from answers that a defence distorts, beside the attack's own attackers.
        budgets: ascending; surrogates are trained and judged at each, but for those too small for the attack to start.
        seeds: one per repetition.

    Raises:
        UserError: the attack cannot work with this budget and pool.
    """

    def __init__(
        self,
        attack: ExtractionAttack,
        data: DataSet,
        pool: QueryPool,
        surrogates: SurrogateTrainer,
        transfer: Transfer | None = None,
        learning: Learning = NOBODY_ELSE,
        *,
        budgets: Sequence[int],
        seeds: Sequence[int],
    ) -> None:
        attack.check(pool, budget=budgets[-1])
        enough = [budget for budget in budgets if budget >= attack.least_budget]
        if len(enough) < len(budgets):
            log.warning("budget=%s: the attack needs %d queries to start, so its curve begins at %d.",
                        list(budgets), attack.least_budget, enough[0])  # fmt: skip
        self.attack = attack
        self.data = data
        self.pool = pool
        self.surrogates = surrogates
        self.transfer = transfer
        self.learning = learning
        self.budgets = enough
        self.seeds = seeds

    def run(self, victims: Sequence[Victim], bank: ShadowBank | None = None) -> Outcome:
        """Extract and judge; see the base class."""
        (victim,) = victims
        services = [victim.open(budget=self.budgets[-1], seed=seed) for seed in self.seeds]
        started = time.perf_counter()
        extraction = self.attack.run(
            services, self.pool, self.surrogates, budgets=self.budgets, seeds=self.seeds, learning=self.learning
        )
        extractions = [extraction]
        if self.learning.averages(services[0].imitation):
            again = [victim.open(budget=self.budgets[-1], seed=derive(seed, "average")) for seed in self.seeds]
            extractions += self._averaged(again)
            services += again
        seconds = time.perf_counter() - started
        judged = victim.judged(self.data.test)
        verdicts = [verdict for one in extractions for verdict in self._judge(one, victim, judged)]
        return Outcome(
            verdicts,
            services,
            seconds,
            curves=extraction.surrogates.history,
            split={"queries": torch.stack([asked.places for asked in extraction.asked]).numpy()},
            extra={"pool": _describe(self.pool, judged.images)},
        )

    def _averaged(self, services: Sequence[Service]) -> list[Extraction]:
        """Run the attack by whoever averages answers, so that fewer images are asked about; nothing where too few."""
        counter = services[0].imitation.counter()
        fronts = [Averaged(service, repeats=counter.repeats, copies=counter.copies) for service in services]
        images = self.budgets[-1] // fronts[0].repeats
        if images < self.attack.least_budget:
            return []
        alone = copy.copy(self.attack)
        alone.attackers = [Knowledge.ADAPTIVE]
        found = alone.run(fronts, self.pool, self.surrogates, budgets=[images], seeds=self.seeds)
        curve = [(self.budgets[-1], found.surrogates)]
        return [replace(found, attackers=[("average", Knowledge.ADAPTIVE)], curve=curve)]

    def _judge(self, extraction: Extraction, victim: Victim, judged: Judged) -> list[Verdict]:
        verdicts = judge_extraction(extraction, judged)
        if self.transfer is not None:
            every = self.transfer.judge(extraction.surrogates, victim.judge, judged.images, judged.log_probabilities)
            for verdict, fooled in zip(verdicts, every, strict=True):
                last = verdict.images["budget"] == self.budgets[-1]
                for name, wrong in fooled.items():
                    made = ~np.isnan(wrong)
                    verdict.metrics[name] = metrics.over_repetitions(
                        [metrics.proportion(one[kept] == 1) for one, kept in zip(wrong, made, strict=True)]
                    )
                    verdict.images[name] = np.full(len(last), np.nan)
                    verdict.images[name][last] = wrong.flatten()
        return verdicts


def _describe(pool: QueryPool, judged: LabelledImages) -> Pool:
    """Say how large the pool is, and how many of the images that surrogates are judged by lie in it."""
    owned = set(pool.images.digests)
    return Pool(images=len(pool.images), judged_by=sum(digest in owned for digest in judged.digests))
