"""How well scores or decisions tell members from non-members.

Scores are real numbers of any scale, higher = more likely a member. They are compared as float64 and never
squashed, so that no two different scores become one. Log-probabilities of -inf (and +inf) are scores like others,
below (above) every finite one; NaN is a ValueError.

A tie is a coin, in every figure: AUC counts it half, the ROC joins its ends by a straight line, and the true positive
rate at a false positive rate lies on that line. Decisions are scores that reach a threshold.
"""

import math

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit, logit, stdtrit

from privattack.measurement import Measurement
from privattack.metrics.intervals import clopper_pearson, proportion
from privattack.metrics.ranks import needs_both, one_sided, same_length, share_below, split

RESAMPLES = 1_000
# scikit-learn refuses infinite scores; a quarter keeps the differences it takes from overflowing.
LARGEST_SCORE = float(np.finfo(np.float64).max) / 4


def auc(scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> Measurement:
    """Return the area under the ROC curve, ties counted half, with DeLong's interval on the logit scale.

    DeLong et al. 1988, in n log n steps by ranks as in Sun & Xu 2014; on the logit scale (Pepe 2003, section 5.2.4)
    and with Student's t, as a few images of one kind may decide. One image more of each kind, half-way between AUC and
    a coin, is added to the variance: images that nobody drew are those that a high AUC hangs on. Where DeLong's
    variance is zero or undefined (perfect separation, all scores equal, one image of a kind), the interval is
    Clopper-Pearson's on as many disjoint pairs of a member and a non-member as there are: valid, never a point, and
    wide. Missing where members or non-members are.
    """
    members, nonmembers = split(scores, membership)
    n, pairs = len(scores), min(len(members), len(nonmembers))
    if pairs == 0:
        return one_sided(membership)
    components = share_below(members, np.sort(nonmembers)), share_below(nonmembers, np.sort(members))
    value = min(float(components[0].mean()), 1.0)
    if pairs == 1 or not any(np.ptp(one) for one in components):
        low, high = clopper_pearson(value * pairs, pairs)
        return Measurement(value=value, low=low, high=high, n=n)
    sizes = np.array([len(members), len(nonmembers)])
    parts = np.array([one.var(ddof=1) for one in components]) / sizes + ((value - 0.5) / 2 / sizes) ** 2
    freedom = parts.sum() ** 2 / (parts**2 / (sizes - 1)).sum()
    half_width = stdtrit(freedom, 0.975) * math.sqrt(parts.sum()) / (value * (1 - value))
    low, high = expit(logit(value) - half_width), expit(logit(value) + half_width)
    return Measurement(value=value, low=float(low), high=float(high), n=n)


def roc(
    scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Return false positive rates, true positive rates and thresholds, one point for each distinct score.

    By scikit-learn, no point dropped; the first, at the threshold infinity, accuses nobody. Infinite scores
    stand as the finite extremes. Raises ValueError unless there are members and non-members.
    """
    needs_both(*split(scores, membership))
    finite = np.clip(scores.astype(np.float64), -LARGEST_SCORE, LARGEST_SCORE)
    # Here and not above: whoever only reads results should not wait for it.
    from sklearn.metrics import roc_curve

    return roc_curve(membership, finite, drop_intermediate=False)


def fit_threshold(scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> float:
    """Return the score from which on accusing (score >= threshold) gives the best balanced accuracy.

    Among equally good ones, the highest, which accuses the fewest. To be fitted on one half and judged on
    the other. Raises ValueError unless there are members and non-members.

    >>> fit_threshold(np.array([0.0, 1.0, 2.0, 3.0]), np.array([False, False, True, True]))
    2.0
    """
    members, nonmembers = split(scores, membership)
    needs_both(members, nonmembers)
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
    same_length(decisions, membership)
    return proportion(decisions == membership)


def balanced_accuracy(decisions: Bool[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> Measurement:
    """Return the mean of the true positive and the true negative rate; missing where one of them is.

    The interval combines the Clopper-Pearson intervals of the two independent rates: half the root of the
    summed squares of their half-widths, below and above (Zou & Donner 2008).
    """
    hits, members, false_alarms, nonmembers = _counts(decisions, membership)
    if members == 0 or nonmembers == 0:
        return one_sided(membership)
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
        return one_sided(membership)
    if hits + false_alarms == 0:
        return Measurement.missing(n, "the attack accuses nobody, so there is no accusation to trust or not")
    right, wrong = prior * hits / members, (1 - prior) * false_alarms / nonmembers
    value = right / (right + wrong)
    random = np.random.default_rng(seed)
    rights = prior * random.beta(hits + 0.5, members - hits + 0.5, RESAMPLES)
    wrongs = (1 - prior) * random.beta(false_alarms + 0.5, nonmembers - false_alarms + 0.5, RESAMPLES)
    low, high = np.quantile(rights / (rights + wrongs), [0.025, 0.975])
    return Measurement(value=value, low=min(float(low), value), high=max(float(high), value), n=n)


def _counts(decisions: Bool[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> tuple[int, int, int, int]:
    """Return how many members are accused, members there are, non-members are accused, and there are."""
    same_length(decisions, membership)
    members, accused = int(np.count_nonzero(membership)), int(np.count_nonzero(decisions))
    hits = int(np.count_nonzero(decisions & membership))
    return hits, members, accused - hits, len(membership) - members
