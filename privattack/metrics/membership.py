"""How well scores or decisions tell members from non-members.

Scores are real numbers of any scale, higher = more likely a member. They are compared as float64 and never
squashed, so that no two different scores become one. Log-probabilities of -inf (and +inf) are scores like
others, below (above) every finite one; NaN is a ValueError. A threshold accuses every image whose score
reaches it, so images with one score stand or fall together: ties never help the attacker.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import roc_curve

from privattack.measurement import Measurement
from privattack.metrics.intervals import clopper_pearson, over_repetitions, over_targets, proportion

NORMAL_QUANTILE = 1.959963984540054
RESAMPLES = 1_000
# scikit-learn refuses infinite scores; a quarter keeps the differences it takes from overflowing.
LARGEST_SCORE = float(np.finfo(np.float64).max) / 4


def auc(scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> Measurement:
    """Return the area under the ROC curve, ties counted half, with DeLong's interval cut to [0, 1].

    DeLong et al. 1988, in n log n steps by ranks as in Sun & Xu 2014. Where DeLong's variance is zero or
    undefined (perfect separation, all scores equal, one image of a kind), the interval is Clopper-Pearson's
    on as many disjoint pairs of a member and a non-member as there are: valid, never a point, and wide.
    Missing where members or non-members are.
    """
    members, nonmembers = _split(scores, membership)
    n, pairs = len(scores), min(len(members), len(nonmembers))
    if pairs == 0:
        return _one_sided(membership)
    above_nonmembers = _share_below(members, np.sort(nonmembers))
    above_members = _share_below(nonmembers, np.sort(members))
    value = min(float(above_nonmembers.mean()), 1.0)
    variance = 0.0
    if pairs > 1:
        variance = float(above_nonmembers.var(ddof=1)) / len(members)
        variance += float(above_members.var(ddof=1)) / len(nonmembers)
    if variance <= 0.0:
        low, high = clopper_pearson(value * pairs, pairs)
    else:
        half_width = NORMAL_QUANTILE * math.sqrt(variance)
        low, high = max(value - half_width, 0.0), min(value + half_width, 1.0)
    return Measurement(value=value, low=low, high=high, n=n)


def roc(
    scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Return false positive rates, true positive rates and thresholds, one point for each distinct score.

    By scikit-learn, no point dropped; the first, at the threshold infinity, accuses nobody. Infinite scores
    stand as the finite extremes. Raises ValueError unless there are members and non-members.
    """
    _needs_both(*_split(scores, membership))
    finite = np.clip(scores.astype(np.float64), -LARGEST_SCORE, LARGEST_SCORE)
    return roc_curve(membership, finite, drop_intermediate=False)


def tpr_at_fpr(scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"], fpr: float) -> Measurement:
    """Return the share of members accused at the largest achievable false positive rate <= `fpr`.

    Where k of n non-members may be accused, one more image passes the threshold with probability (k + 1) / (n + 1):
    that is what chance comes to, a hair above `fpr`. The interval is Clopper-Pearson's over the members, at the
    threshold that these non-members set; n is the number of members. Missing with fewer than 10 / fpr non-members
    (Carlini et al. 2022, section III, is why low rates matter; ten expected false positives are what it takes to
    measure one). Raises ValueError unless 0 < fpr < 1.
    """
    members, nonmembers = _split(scores, membership)
    if too_few := _too_few(len(nonmembers), len(members), fpr):
        return too_few
    return proportion(members > threshold_at_fpr(scores, membership, fpr))


def tpr_over_repetitions(
    scores: Sequence[Float[np.ndarray, " _"]],
    memberships: Sequence[Bool[np.ndarray, " _"]],
    fpr: float,
    *,
    average: Callable[..., Measurement] = over_repetitions,
) -> Measurement:
    """Return `tpr_at_fpr` over repetitions, combined by `average`.

    Where they are several targets (`over_targets`), none of which has the non-members that the rate needs, and all
    together have them, one threshold is set by all, and each target's true positive rate taken there: non-members of
    one are no repeats of another's. Raises ValueError unless 0 < fpr < 1.
    """
    each = [tpr_at_fpr(score, membership, fpr) for score, membership in zip(scores, memberships, strict=True)]
    everyone = np.concatenate(memberships)
    enough = _too_few(int((~everyone).sum()), int(everyone.sum()), fpr) is None
    if average is not over_targets or not enough or all(one.value is not None for one in each):
        return average(each)
    threshold = threshold_at_fpr(np.concatenate(scores), everyone, fpr)
    hits = [proportion(score[membership] > threshold) for score, membership in zip(scores, memberships, strict=True)]
    return average(hits)


def threshold_at_fpr(scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"], fpr: float) -> float:
    """Return the lowest score above which (not at which) at most a share `fpr` of the non-members lies.

    Raises ValueError unless 0 < fpr < 1 and there are non-members.
    """
    if not 0 < fpr < 1:
        raise ValueError(f"fpr must lie between 0 and 1, got {fpr}")
    _, nonmembers = _split(scores, membership)
    # The hair corrects products such as 0.29 * 100 = 28.999999999999996.
    allowed = math.floor(fpr * len(nonmembers) + 1e-6)
    first_not_allowed = len(nonmembers) - allowed - 1
    return float(np.partition(nonmembers, first_not_allowed)[first_not_allowed])


def _too_few(nonmembers: int, members: int, fpr: float) -> Measurement | None:
    if not 0 < fpr < 1:
        raise ValueError(f"fpr must lie between 0 and 1, got {fpr}")
    needed = math.ceil(10 / fpr - 1e-6)
    if nonmembers >= needed:
        return None
    why = f"an FPR of {fpr:g} needs at least {needed} non-members, there are {nonmembers}"
    return Measurement.missing(members, why)


def fit_threshold(scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> float:
    """Return the score from which on accusing (score >= threshold) gives the best balanced accuracy.

    Among equally good ones, the highest, which accuses the fewest. To be fitted on one half and judged on
    the other. Raises ValueError unless there are members and non-members.

    >>> fit_threshold(np.array([0.0, 1.0, 2.0, 3.0]), np.array([False, False, True, True]))
    2.0
    """
    members, nonmembers = _split(scores, membership)
    _needs_both(members, nonmembers)
    order = np.argsort(scores)[::-1]
    descending = scores[order].astype(np.float64)
    last_of_ties = np.append(descending[1:] != descending[:-1], True)
    accused_members = np.cumsum(membership[order])
    accused_nonmembers = np.arange(1, len(order) + 1) - accused_members
    # TPR - FPR times the size of both groups: whole numbers, so that equally good means equal.
    advantage = accused_members * len(nonmembers) - accused_nonmembers * len(members)
    return float(descending[last_of_ties][np.argmax(advantage[last_of_ties])])


def attack_accuracy(decisions: Bool[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> Measurement:
    """Return the share of images on which the decision (True = member) is right."""
    _same_length(decisions, membership)
    return proportion(decisions == membership)


def balanced_accuracy(decisions: Bool[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> Measurement:
    """Return the mean of the true positive and the true negative rate; missing where one of them is.

    The interval combines the Clopper-Pearson intervals of the two independent rates: half the root of the
    summed squares of their half-widths, below and above (Zou & Donner 2008).
    """
    hits, members, false_alarms, nonmembers = _counts(decisions, membership)
    if members == 0 or nonmembers == 0:
        return _one_sided(membership)
    tpr, tnr = hits / members, 1 - false_alarms / nonmembers
    tpr_low, tpr_high = clopper_pearson(hits, members)
    tnr_low, tnr_high = clopper_pearson(nonmembers - false_alarms, nonmembers)
    value = (tpr + tnr) / 2
    low = max(value - math.hypot(tpr - tpr_low, tnr - tnr_low) / 2, 0.0)
    high = min(value + math.hypot(tpr_high - tpr, tnr_high - tnr) / 2, 1.0)
    return Measurement(value=value, low=low, high=high, n=len(membership))


def ppv(
    decisions: Bool[np.ndarray, " n"], membership: Bool[np.ndarray, " n"], prior: float, *, seed: int = 0
) -> Measurement:
    """Return the positive predictive value: how likely an accused image is a member, before which a share
    `prior` of all images are (Jayaraman et al. 2021).

    prior TPR / (prior TPR + (1 - prior) FPR). The interval holds the middle 95 % of 1,000 seeded draws of
    the two rates, each from its Jeffreys distribution, Beta(k + 1/2, n - k + 1/2), and the value itself:
    resampling the counts would call an attack infallible that happened to accuse no non-member. Missing
    where nobody is accused, or members or non-members are missing. Raises ValueError unless 0 < prior < 1.
    """
    if not 0 < prior < 1:
        raise ValueError(f"prior must lie between 0 and 1, got {prior}")
    hits, members, false_alarms, nonmembers = _counts(decisions, membership)
    n = members + nonmembers
    if members == 0 or nonmembers == 0:
        return _one_sided(membership)
    if hits + false_alarms == 0:
        return Measurement.missing(n, "the attack accuses nobody, so there is no accusation to trust or not")
    right, wrong = prior * hits / members, (1 - prior) * false_alarms / nonmembers
    value = right / (right + wrong)
    random = np.random.default_rng(seed)
    rights = prior * random.beta(hits + 0.5, members - hits + 0.5, RESAMPLES)
    wrongs = (1 - prior) * random.beta(false_alarms + 0.5, nonmembers - false_alarms + 0.5, RESAMPLES)
    low, high = np.quantile(rights / (rights + wrongs), [0.025, 0.975])
    return Measurement(value=value, low=min(float(low), value), high=max(float(high), value), n=n)


def _split(
    scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " members"], Float[np.ndarray, " nonmembers"]]:
    """Return members' and non-members' scores as float64; raise ValueError for NaN."""
    _same_length(scores, membership)
    exact = scores.astype(np.float64)
    undefined = int(np.count_nonzero(np.isnan(exact)))
    if undefined:
        raise ValueError(f"scores must be numbers, got NaN for {undefined} of {len(exact)} images")
    return exact[membership], exact[~membership]


def _counts(decisions: Bool[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> tuple[int, int, int, int]:
    """Return how many members are accused, members there are, non-members are accused, and there are."""
    _same_length(decisions, membership)
    members, accused = int(np.count_nonzero(membership)), int(np.count_nonzero(decisions))
    hits = int(np.count_nonzero(decisions & membership))
    return hits, members, accused - hits, len(membership) - members


def _share_below(scores: Float[np.ndarray, " n"], ascending: Float[np.ndarray, " others"]) -> Float[np.ndarray, " n"]:
    """Return for each score the share of `ascending` below it, ties counted half."""
    below = np.searchsorted(ascending, scores, side="left")
    not_above = np.searchsorted(ascending, scores, side="right")
    return (below + not_above) / (2 * len(ascending))


def _same_length(first: np.ndarray, membership: np.ndarray) -> None:
    if first.shape != membership.shape:
        raise ValueError(f"one membership bit an image is needed, got {membership.shape} for {first.shape}")


def _needs_both(members: np.ndarray, nonmembers: np.ndarray) -> None:
    if len(members) == 0 or len(nonmembers) == 0:
        raise ValueError(f"needs members and non-members, got {len(members)} and {len(nonmembers)}")


def _one_sided(membership: np.ndarray) -> Measurement:
    members = int(np.count_nonzero(membership))
    others = len(membership) - members
    why = f"needs members and non-members, there are {members} and {others}"
    return Measurement.missing(len(membership), why)
