"""Model extraction: one target, as many surrogates as attackers and repetitions."""

import logging
import time
from collections.abc import Sequence

import numpy as np
import torch

from privattack import metrics
from privattack.attacks.extraction.base import ExtractionAttack
from privattack.audits.base import Audit, Outcome
from privattack.audits.judges import judge_extraction
from privattack.audits.transfer import Transfer
from privattack.data.images import DataSet, LabelledImages
from privattack.data.query_pool import QueryPool
from privattack.models.shadow_bank import ShadowBank
from privattack.models.surrogate import SurrogateTrainer
from privattack.results.result import Pool
from privattack.victims import Victim

log = logging.getLogger(__name__)


class ExtractionAudit(Audit):
    """Queries come from the query pool; surrogates are judged by the data set's test part.

    Args:
        surrogates: how surrogates are trained.
        transfer: how well adversarial examples transfer is judged, too; None leaves it out.
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
        self.budgets = enough
        self.seeds = seeds

    def run(self, victims: Sequence[Victim], bank: ShadowBank | None = None) -> Outcome:
        """Extract and judge; see the base class."""
        (victim,) = victims
        services = [victim.open(budget=self.budgets[-1], seed=seed) for seed in self.seeds]
        started = time.perf_counter()
        extraction = self.attack.run(services, self.pool, self.surrogates, budgets=self.budgets, seeds=self.seeds)
        seconds = time.perf_counter() - started
        judged = victim.judged(self.data.test)
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
        return Outcome(
            verdicts,
            services,
            seconds,
            curves=extraction.surrogates.history,
            split={"queries": torch.stack([asked.places for asked in extraction.asked]).numpy()},
            extra={"pool": _describe(self.pool, judged.images)},
        )


def _describe(pool: QueryPool, judged: LabelledImages) -> Pool:
    """Say how large the pool is, and how many of the images that surrogates are judged by lie in it."""
    owned = set(pool.images.digests)
    return Pool(images=len(pool.images), judged_by=sum(digest in owned for digest in judged.digests))
