"""What each image adds to a figure.

To first order a figure is the truth plus the sum of its images' influences (Hampel 1974, "The influence curve and its
role in robust estimation"). The variance of a figure follows from them, what two figures share that were measured on
the same images, and how sure their difference is. For AUC they are DeLong's components.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import t as student

from privattack.measurement import Measurement
from privattack.metrics.low_rates import accused, slope
from privattack.metrics.ranks import share_below, split

Influence = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class ByImage:
    """A figure in each repetition, and every image's influence on it: 0 where an image was not judged.

    Attributes:
        n: on how many images a repetition measures it.
        images: which images, in which order: one text for each such list.
        across_targets: whether the repetitions are models attacked in turn.
    """

    n: int
    images: str
    values: Float[np.ndarray, " repetitions"]
    influence: Float[np.ndarray, "repetitions images"]
    across_targets: bool = False


def of_share(hits: Bool[np.ndarray, " n"], judged: Bool[np.ndarray, " n"] | None = None) -> Influence:
    """Return the influences on the share of hits among the images that were judged: all by default."""
    counted = np.ones(len(hits), dtype=bool) if judged is None else judged
    n = max(int(np.count_nonzero(counted)), 1)
    return np.where(counted, hits - np.count_nonzero(hits & counted) / n, 0.0) / n


def of_auc(scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> Influence:
    """Return the influences on AUC: DeLong et al. 1988's components about their means, over the images of each kind."""
    members, nonmembers = split(scores, membership)
    influence = np.zeros(len(scores))
    for own, others, sign, kind in ((members, nonmembers, 1, membership), (nonmembers, members, -1, ~membership)):
        component = share_below(own, np.sort(others))
        influence[kind] = sign * (component - component.mean()) / len(own)
    return influence


def of_balanced_accuracy(decisions: Bool[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]) -> Influence:
    """Return the influences on balanced accuracy, the mean of two shares."""
    right = decisions == membership
    return (of_share(right, membership) + of_share(right, ~membership)) / 2


def of_tpr(scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"], fpr: float) -> Influence:
    """Return the influences on the true positive rate at a false positive rate.

    Non-members move the threshold: each accused one more than expected lowers the rate by the ROC's slope there.
    """
    weights = accused(scores, membership, fpr)
    others = np.count_nonzero(~membership)
    moved = -slope(scores, membership, fpr) * (weights - fpr) / others
    hits = weights[membership]
    influence = np.where(membership, 0.0, moved)
    influence[membership] = (hits - hits.mean()) / len(hits)
    return influence


def shared(influences: Sequence[Influence] | Float[np.ndarray, "repetitions images"]) -> float:
    """Return the share of one repetition's sampling variance that all repetitions have in common, from 0 to 1.

    What of an image's influence comes again in every repetition: the mean over pairs of repetitions of the sums over
    images of the products, over the mean of the sums of squares. 1 where there is one repetition.
    """
    stacked = np.stack(list(influences))
    repetitions = len(stacked)
    own = float((stacked**2).sum())
    if repetitions == 1 or own == 0.0:
        return 1.0
    common = (float((stacked.sum(axis=0) ** 2).sum()) - own) / (repetitions - 1)
    return min(max(common / own, 0.0), 1.0)


def same_images(first: ByImage, second: ByImage) -> bool:
    """Say whether two figures were measured on the same images in as many repetitions."""
    return first.images == second.images and first.influence.shape == second.influence.shape


def difference(first: ByImage, second: ByImage, *, comparisons: int = 1) -> Measurement:
    """Return by how much the first figure exceeds the second on the same images, paired image by image.

    The variance over R repetitions is that of the repetitions' differences over R, and the part of their sampling
    variance that comes again in each, as they share images; no less than one repetition's over R. Targets in place of
    repetitions share none. Two images that differ by one either way are added (Bonett & Price 2012), so that a few
    images that differ are not overrated. Student's t, with Satterthwaite's degrees of freedom.

    Args:
        comparisons: the interval is widened to hold for so many at once (Bonferroni).

    Raises:
        ValueError: they were not measured in as many repetitions on the same images.
    """
    if not same_images(first, second):
        raise ValueError("a paired difference needs the same images in as many repetitions")
    gaps = first.values - second.values
    influence = first.influence.astype(np.float64) - second.influence
    repetitions, n = len(gaps), min(first.n, second.n)
    sampling = float((influence**2).sum(axis=1).mean()) + 2 / n**2
    variance, freedom = sampling, math.inf
    if repetitions > 1:
        between = float(gaps.var(ddof=1)) / repetitions
        common = 0.0 if first.across_targets else shared(influence) * sampling
        variance = max(between + common, sampling / repetitions)
        if between > 0:
            freedom = (repetitions - 1) * (variance / between) ** 2
    value = float(gaps.mean())
    half_width = float(student.isf(0.025 / comparisons, freedom)) * math.sqrt(variance)
    return Measurement(value=value, low=value - half_width, high=value + half_width, n=n)
