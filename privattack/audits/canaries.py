"""The judge of canaries: how well each attacker tells those that were learnt, and what that proves of epsilon.

Bounds that hold for every mechanism hold all at once with 95 % confidence (Bonferroni): each is corrected for how many
attackers, methods and, unless they are chosen on other canaries, thresholds there are. So do those that hold for
Gaussian mechanisms alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import Field

from privattack import metrics
from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.audits.tally import Places, tally_membership
from privattack.checks import checked
from privattack.data.images import LabelledImages
from privattack.metrics import Measurement
from privattack.metrics.epsilon import ALPHA
from privattack.randomness import generator
from privattack.results.proofs import Bound, CanaryAudit

SHARES = (1.0, 0.5, 0.2, 0.1, 0.05)  # of the canaries, about which an attacker guesses, the surest first
TOLD = ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "accuracy")
# By name; the second of each holds for Gaussian mechanisms alone, and proves more of those.
ONE_RUN = {"one run": cache(metrics.epsilon_one_run), "one run, f-DP": cache(metrics.epsilon_one_run_f_dp)}
MANY_RUNS = {"many runs": metrics.epsilon_many_runs, "many runs, Gaussian": metrics.epsilon_gaussian}
GAUSSIAN = ("one run, f-DP", "many runs, Gaussian")
LEAST_RUNS = 4  # of which half choose a canary and a threshold

Scores = Float[np.ndarray, "runs canaries"]
Learnt = Bool[np.ndarray, "runs canaries"]


class Said(NamedTuple):
    """What attackers say, by run, then by attacker; who was a member, and who was asked about, by run."""

    inferences: Sequence[Sequence[Inference]]
    memberships: Sequence[Bool[np.ndarray, " _"]]
    asked: Sequence[LabelledImages]

    def only(self, places: Sequence[Bool[np.ndarray, " _"]]) -> "Said":
        """Return what they say of some of the images, by run."""
        inferences = [
            [replace(one, scores=one.scores[place], decisions=one.decisions[place]) for one in attackers]
            for attackers, place in zip(self.inferences, places, strict=True)
        ]
        memberships = [one[place] for one, place in zip(self.memberships, places, strict=True)]
        asked = [one.take(torch.from_numpy(place.nonzero()[0])) for one, place in zip(self.asked, places, strict=True)]
        return Said(inferences, memberships, asked)


@checked
@dataclass(frozen=True, kw_only=True)
class PrivacyAudit:
    """How canaries are judged.

    Attributes:
        delta: of the claim that is audited.
        thresholds: `corrected` for their number, or chosen on a `held_out` half of the canaries.
    """

    delta: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    thresholds: Literal["corrected", "held_out"] = "corrected"

    def judge(self, said: Said, *, targets: bool, seed: int) -> CanaryAudit:
        """Return what attackers prove.

        Args:
            said: of the canaries.
            targets: whether the runs are of as many models, each with coins of its own.
        """
        inferences, memberships = said.inferences, said.memberships
        learnt = np.stack(memberships)
        scores = {
            runs[0].name: np.stack([one.scores for one in runs])
            for runs in zip(*inferences, strict=True)
            if runs[0].knowledge is not Knowledge.BLIND
        }
        several = targets and len(learnt) >= LEAST_RUNS
        alpha = ALPHA / len(scores) / (1 + several)
        bounds = [
            bound
            for name, values in scores.items()
            for bound in (
                *self._one_run(name, values[0], learnt[0], alpha, seed),
                *(self._many_runs(name, values, learnt, alpha) if several else ()),
            )
        ]
        return CanaryAudit(
            count=learnt.shape[1],
            learnt=int(learnt[0].sum()),
            attackers=_figures(inferences, memberships, targets=targets),
            bounds=bounds,
        )

    def _one_run(
        self, name: str, scores: Float[np.ndarray, " m"], learnt: Bool[np.ndarray, " m"], alpha: float, seed: int
    ) -> Iterator[Bound]:
        order = torch.randperm(len(scores), generator=generator(seed, "canaries.held_out")).numpy()
        choosing, judged = {"held_out": (order[::2], order[1::2]), "corrected": (order, order)}[self.thresholds]
        if len(judged) < 2:  # of which an attacker calls one learnt, and one not
            return
        level = {"held_out": alpha, "corrected": alpha / len(SHARES)}[self.thresholds]
        for method, epsilon in ONE_RUN.items():

            def proved(
                places: np.ndarray, share: float, prove: Callable[..., float] = epsilon
            ) -> tuple[float, int, int]:
                right, guesses = _guessed(scores[places], learnt[places], share)
                return prove(right, guesses, len(places), delta=self.delta, alpha=level), right, guesses

            best = max(SHARES, key=lambda share: proved(choosing, share)[0])
            bound, right, guesses = proved(judged, best)
            ceiling = epsilon(len(judged), len(judged), canaries=len(judged), delta=self.delta, alpha=level)
            yield self._bound(name, method, bound, ceiling, len(judged), guesses, right, self.thresholds)

    def _many_runs(self, name: str, scores: Scores, learnt: Learnt, alpha: float) -> Iterator[Bound]:
        half = len(scores) // 2
        for method, epsilon in MANY_RUNS.items():
            prove = cache(partial(epsilon, delta=self.delta, alpha=alpha))

            def proved(
                runs: slice, canary: int, threshold: float, prove: Callable[..., float] = prove
            ) -> tuple[float, int]:
                errors = _errors(scores[runs, canary] >= threshold, learnt[runs, canary])
                return prove(*errors), errors[0] + errors[2]

            # Of thresholds that prove alike, that with the fewest errors.
            ascending = np.sort(scores[:half], axis=0)
            between = (ascending[1:] + ascending[:-1]) / 2
            choices = [(canary, float(one)) for canary, column in enumerate(between.T) for one in column]
            first = [proved(slice(half), *choice) for choice in choices]
            best = max(range(len(choices)), key=lambda place: (first[place][0], -first[place][1]))
            canary, threshold = choices[best]
            bound, wrong = proved(slice(half, None), canary, threshold)
            runs = len(scores) - half
            present = int(learnt[half:, canary].sum())
            ceiling = prove(0, runs - present, 0, present) if 0 < present < runs else 0.0
            yield self._bound(name, method, bound, ceiling, 1, runs, runs - wrong, "held_out")

    def _bound(
        self,
        name: str,
        method: str,
        bound: float,
        ceiling: float,
        canaries: int,
        trials: int,
        right: int,
        thresholds: str,
    ) -> Bound:
        return Bound(
            attacker=name, method=method, epsilon=bound, gaussian=method in GAUSSIAN, ceiling=ceiling, delta=self.delta,
            canaries=canaries, trials=trials, right=right, thresholds=thresholds,
        )  # fmt: skip


def _guessed(scores: Float[np.ndarray, " m"], learnt: Bool[np.ndarray, " m"], share: float) -> tuple[int, int]:
    """Return how many guesses are right, and how many there are: the highest scores are called learnt, the lowest not.

    Ties stand in the order of the canaries, which tells nothing.
    """
    order = np.argsort(scores, kind="stable")
    each = max(1, round(share * len(scores)) // 2)
    return int((~learnt[order[:each]]).sum() + learnt[order[-each:]].sum()), 2 * each


def _errors(called: Bool[np.ndarray, " runs"], learnt: Bool[np.ndarray, " runs"]) -> tuple[int, int, int, int]:
    """Return false positives of how many, and false negatives of how many."""
    present = int(learnt.sum())
    return int((called & ~learnt).sum()), len(learnt) - present, int((~called & learnt).sum()), present


def _figures(
    inferences: Sequence[Sequence[Inference]], memberships: Sequence[Bool[np.ndarray, " m"]], *, targets: bool
) -> dict[str, dict[str, Measurement]]:
    """Return what each attacker reaches on canaries, by name and metric."""
    places = Places([np.arange(len(one)).astype("U16") for one in memberships])
    found = {}
    for attacker in zip(*inferences, strict=True):
        tally = tally_membership(
            [one.scores for one in attacker], [one.decisions for one in attacker], memberships, places,
            targets=targets, cross_fitted=attacker[0].cross_fitted,
        )  # fmt: skip
        figures = tally.figures()
        found[attacker[0].name] = {name: figures[name] for name in TOLD}
    return found
