"""The true positive rate at a low false positive rate, whose threshold the non-members set."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import binom

from privattack.measurement import Measurement
from privattack.metrics.intervals import over_targets, proportion
from privattack.metrics.ranks import needs_both, split

Scores = Float[np.ndarray, " n"]
Weights = Float[np.ndarray, " n"]


def accused(scores: Scores, membership: Bool[np.ndarray, " n"], fpr: float) -> Weights:
    """Return how likely each image is accused at a false positive rate, 0 to 1.

    Above the threshold 1, below it 0. Images on it stand and fall together, or each by a coin, which comes up as often
    as the rate allows: so the ROC joins the ends of a tie by a straight line. Where no score comes twice, that is the
    largest share of the non-members up to `fpr`, and of k that may be accused of n, one more image passes the
    threshold with probability (k + 1) / (n + 1): what chance comes to. Raises ValueError unless 0 < fpr < 1 and
    there are non-members.
    """
    if not 0 < fpr < 1:
        raise ValueError(f"fpr must lie between 0 and 1, got {fpr}")
    _, nonmembers = split(scores, membership)
    return _accused(scores, nonmembers, fpr * len(nonmembers))


def _accused(scores: Scores, nonmembers: Float[np.ndarray, " others"], allowed: float | int) -> Weights:
    # The hair corrects products such as 0.29 * 100 = 28.999999999999996.
    whole = math.floor(allowed + 1e-6)
    if whole >= len(nonmembers):
        return np.ones(len(scores))
    place = len(nonmembers) - whole - 1
    threshold = np.partition(nonmembers, place)[place]
    above, on = int(np.count_nonzero(nonmembers > threshold)), int(np.count_nonzero(nonmembers == threshold))
    coin = min(max((allowed - above) / on, 0.0), 1.0)
    return np.where(scores > threshold, 1.0, np.where(scores == threshold, coin, 0.0))


def tpr_at_fpr(scores: Scores, membership: Bool[np.ndarray, " n"], fpr: float) -> Measurement:
    """Return the share of members accused at a false positive rate, by the convention of `accused`.

    The interval holds what the members leave open and what the threshold does, which is estimated, too: to either side
    in quadrature the Clopper-Pearson interval over the members at the threshold, and how far the true positive rate
    moves to the threshold at the 2.5 or 97.5 % quantile of the number of non-members that a rate of `fpr` accuses. n is
    the number of members. Missing with fewer than 10 / fpr non-members (Carlini et al. 2022, section III, is why low
    rates matter; ten expected false positives are what it takes to measure one). Raises ValueError unless 0 < fpr < 1.
    """
    members, nonmembers = split(scores, membership)
    if too_few := _too_few(len(nonmembers), len(members), fpr):
        return too_few
    rate = proportion(accused(scores, membership, fpr)[membership])
    return replace(_widened(rate, members, nonmembers, fpr), note=_too_few_levels(scores, nonmembers, fpr))


def tpr_over_targets(
    scores: Sequence[Float[np.ndarray, " _"]], memberships: Sequence[Bool[np.ndarray, " _"]], fpr: float
) -> Measurement:
    """Return the mean of `tpr_at_fpr` over several targets.

    Where none has the non-members that the rate needs, and all together have them, one threshold is set by all, and
    each target's true positive rate taken there: non-members of one are no repeats of another's. What that threshold
    leaves open is common to all. Raises ValueError unless 0 < fpr < 1.
    """
    each = [tpr_at_fpr(score, membership, fpr) for score, membership in zip(scores, memberships, strict=True)]
    together, everyone = np.concatenate(scores), np.concatenate(memberships)
    if all(one.given for one in each) or _too_few(int((~everyone).sum()), int(everyone.sum()), fpr):
        return over_targets(each)
    weights = np.split(accused(together, everyone, fpr), np.cumsum([len(score) for score in scores])[:-1])
    rates = [proportion(weight[membership]) for weight, membership in zip(weights, memberships, strict=True)]
    return _widened(over_targets(rates), *split(together, everyone), fpr)


def slope(scores: Scores, membership: Bool[np.ndarray, " n"], fpr: float) -> float:
    """Return the ROC's slope at a false positive rate, over the range in which the estimated threshold lies."""
    members, nonmembers = split(scores, membership)
    fewest, most = _order_statistics(len(nonmembers), fpr)
    low, high = _range(members, nonmembers, fpr)
    return (high - low) * len(nonmembers) / max(most - fewest, 1)


def _widened(rate: Measurement, members: Scores, nonmembers: Float[np.ndarray, " others"], fpr: float) -> Measurement:
    """Return the rate with what its threshold leaves open."""
    if not rate.given:
        return rate
    value, low, high = rate.known
    fewest, most = _range(members, nonmembers, fpr)
    below, above = (max(far, 0.0) for far in (value - fewest, most - value))
    low, high = value - math.hypot(value - low, below), value + math.hypot(high - value, above)
    return replace(rate, low=max(low, 0.0), high=min(high, 1.0))


def _range(members: Scores, nonmembers: Float[np.ndarray, " others"], fpr: float) -> tuple[float, float]:
    needs_both(members, nonmembers)
    fewest, most = (_accused(members, nonmembers, count).mean() for count in _order_statistics(len(nonmembers), fpr))
    return float(fewest), float(most)


def _too_few_levels(scores: Scores, nonmembers: Float[np.ndarray, " others"], fpr: float) -> str | None:
    """Say where more non-members tie on the threshold than may be accused."""
    allowed = fpr * len(nonmembers)
    if np.count_nonzero(_accused(nonmembers, nonmembers, allowed) % 1) <= allowed:
        return None
    return f"has {len(np.unique(scores))} levels, too few for a rate so low, which is interpolated within a tie"


def _order_statistics(nonmembers: int, fpr: float) -> tuple[int, int]:
    fewest, most = binom.ppf([0.025, 0.975], nonmembers, fpr)
    return int(fewest), int(most)


def _too_few(nonmembers: int, members: int, fpr: float) -> Measurement | None:
    if not 0 < fpr < 1:
        raise ValueError(f"fpr must lie between 0 and 1, got {fpr}")
    needed = math.ceil(10 / fpr - 1e-6)
    if nonmembers >= needed:
        return None
    why = f"an FPR of {fpr:g} needs at least {needed} non-members, there are {nonmembers}"
    return Measurement.missing(members, why)
