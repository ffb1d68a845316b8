"""Lower bounds on the epsilon of differential privacy, from what attacks got right.

Each holds with confidence 1 - alpha where the attacks' thresholds were chosen on other scores than those that are
counted here; else `alpha` is divided by how many thresholds were tried. What the same function says of an attacker who
errs nowhere is its ceiling: no attack could have proved more with so many trials.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import brentq
from scipy.special import betaincinv, log_ndtr, ndtr, ndtri
from scipy.stats import binom

ALPHA = 0.05  # one minus the confidence

LARGEST = 64.0  # no number of trials proves so large an epsilon, nor so large a mean of a Gaussian mechanism

Values = Float[np.ndarray, " values"]


def epsilon_many_runs(
    false_positives: int, absent: int, false_negatives: int, present: int, *, delta: float, alpha: float = ALPHA
) -> float:
    """Return the epsilon that many trainings prove, with and without a canary (Jagielski et al. 2020, section 4).

    Both error rates at their upper Clopper-Pearson bound, each at alpha / 2; the better of the two sides (Nasr et al.
    2021). With k copies of the canary in each training, a k-th of it is proved of one.

    Args:
        false_positives: how many of the `absent` models, trained without the canary, were taken for the others.
        false_negatives: how many of the `present` models, trained with it, were taken for the others.

    >>> round(epsilon_many_runs(0, 1000, 0, 1000, delta=0.0), 2)
    5.6
    """
    fpr, fnr = _rates(false_positives, absent, false_negatives, present, alpha)
    sides = (max(1 - fnr - delta, 0.0) / fpr, max(1 - fpr - delta, 0.0) / fnr)
    return math.log(max(1.0, *sides))


def epsilon_gaussian(
    false_positives: int, absent: int, false_negatives: int, present: int, *, delta: float, alpha: float = ALPHA
) -> float:
    """Return the epsilon that many trainings prove of a mechanism that a Gaussian one dominates (Nasr et al. 2023).

    It proves more than `epsilon_many_runs`, and nothing of a mechanism of another kind. Arguments as there; `delta` is
    above 0.
    """
    fpr, fnr = _rates(false_positives, absent, false_negatives, present, alpha)
    return epsilon_of_gaussian(float(ndtri(1 - fpr) - ndtri(fnr)), delta)


def epsilon_one_run(right: int, guesses: int, canaries: int, *, delta: float, alpha: float = ALPHA) -> float:
    """Return the epsilon that one training on half of the canaries proves (Steinke et al. 2023, section 5).

    Args:
        right: how many guesses were.
        guesses: whether a canary was learnt or not; of the others nothing was said.
        canaries: each learnt with probability 1/2.

    >>> round(epsilon_one_run(1000, 1000, 1000, delta=1e-5), 4)
    5.7823
    """
    _check(right, guesses, canaries)
    fewer = np.arange(right - 1, -1, -1)

    def rejected(epsilons: Values) -> Bool[np.ndarray, " values"]:
        shares = 1 / (1 + np.exp(-epsilons))
        beyond = binom.sf(right - 1, guesses, shares)
        if delta == 0 or right == 0:
            return beyond <= alpha
        near = binom.pmf(fewer, guesses, shares[:, None]).cumsum(axis=1) / np.arange(1, right + 1)
        return beyond + 2 * canaries * delta * near.max(axis=1) <= alpha

    return _largest(rejected)


def epsilon_one_run_f_dp(right: int, guesses: int, canaries: int, *, delta: float, alpha: float = ALPHA) -> float:
    """Return the epsilon that one training proves of a Gaussian mechanism (Mahloujifar et al. 2024).

    Of every Gaussian trade-off curve it is decided whether so many right guesses are likelier than alpha; the steepest
    one that is refuted says the epsilon. Arguments as for `epsilon_one_run`; `delta` is above 0.
    """
    _check(right, guesses, canaries)

    def rejected(means: Values) -> Bool[np.ndarray, " values"]:
        r = np.full(len(means), alpha * right / canaries)
        h = np.full(len(means), alpha * (guesses - right) / canaries)
        for fewer in range(right - 1, -1, -1):
            higher = np.maximum(h, ndtr(ndtri(np.minimum(r, 1)) - means))
            r += fewer / (guesses - fewer) * (higher - h)
            h = higher
        return r + h > guesses / canaries

    return epsilon_of_gaussian(_largest(rejected), delta)


def epsilon_of_gaussian(mean: float, delta: float) -> float:
    """Return the epsilon, at `delta` above 0, of one draw of N(mean, 1) against N(0, 1) (Balle & Wang 2018, theorem 8).

    0 for a mean of 0 or less.
    """
    if mean <= 0:
        return 0.0

    def excess(epsilon: float) -> float:
        above, below = mean / 2 - epsilon / mean, -mean / 2 - epsilon / mean
        return float(ndtr(above)) - math.exp(epsilon + float(log_ndtr(below))) - delta

    most = mean**2 / 2 + mean * 40  # 40 standard deviations above the mean of the privacy loss
    return 0.0 if excess(0.0) <= 0 else float(brentq(excess, 0.0, most, xtol=1e-10))


def _rates(false_positives: int, absent: int, false_negatives: int, present: int, alpha: float) -> tuple[float, float]:
    return _at_most(false_positives, absent, alpha / 2), _at_most(false_negatives, present, alpha / 2)


def _at_most(successes: int, n: int, alpha: float) -> float:
    """Return the upper one-sided Clopper-Pearson bound of a proportion, at confidence 1 - alpha."""
    return 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - alpha))


def _check(right: int, guesses: int, canaries: int) -> None:
    if not 0 <= right <= guesses <= canaries or canaries < 1:
        raise ValueError(f"needs 0 <= right <= guesses <= canaries, got {right}, {guesses}, {canaries}")


def _largest(rejected: Callable[[Values], Bool[np.ndarray, " values"]]) -> float:
    """Return the largest value up to which all are rejected, to 1e-5 below it; 0 where not even 0 is."""
    low, high = 0.0, LARGEST
    while high - low > 1e-5:
        values = np.linspace(low, high, 33)
        kept = np.flatnonzero(~rejected(values))
        first = int(kept[0]) if len(kept) else len(values)
        if first == 0:
            return 0.0
        low, high = float(values[first - 1]), float(values[min(first, len(values) - 1)])
    return low
