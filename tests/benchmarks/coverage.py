"""How often do the 95 % intervals hold the truth? Each row simulates one kind of figure, seeded, many times.

    python tests/benchmarks/coverage.py [--draws 2000] [--only AUC]

tests/metrics/test_coverage.py checks a part of the rows.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from scipy.stats import norm

from privattack import metrics
from privattack.audits.blind import cross_fitted
from privattack.audits.judges import judge_membership
from privattack.data.images import LabelledImages
from privattack.measurement import Measurement
from privattack.metrics import by_image

Random = np.random.Generator
Row = tuple[str, Callable[[Random], tuple[Measurement, float]]]  # what is simulated; a figure and the truth


def share(random: Random, *, truth: float, n: int) -> tuple[Measurement, float]:
    return metrics.proportion(random.random(n) < truth), truth


def auc(random: Random, *, truth: float, members: int, others: int) -> tuple[Measurement, float]:
    return metrics.auc(*scores(random, members, others, math.sqrt(2) * norm.ppf(truth))), truth


def scores(random: Random, members: int, others: int, distance: float, raised: float = 1.0) -> tuple:
    """Return scores and membership: normal, and for a share `raised` of the members `distance` higher."""
    membership = np.arange(members + others) < members
    higher = membership & (random.random(members + others) < raised)
    return random.normal(size=members + others) + distance * higher, membership


def tpr(
    random: Random, *, fpr: float, n: int, distance: float, raised: float = 1.0, level: float = 0.0
) -> tuple[Measurement, float]:
    """`level`: scores are rounded down to its multiples."""
    drawn, membership = scores(random, n, n, distance, raised)
    if not level:
        found = raised * norm.sf(norm.isf(fpr) - distance) + (1 - raised) * fpr
        return metrics.tpr_at_fpr(drawn, membership, fpr), found
    below = level * math.floor(norm.isf(fpr) / level)
    (more, less), (high, low) = ([norm.sf(end - far) for end in (below, below + level)] for far in (0, distance))
    truth = low + (high - low) * (fpr - less) / (more - less)
    return metrics.tpr_at_fpr(np.floor(drawn / level), membership, fpr), truth


def blind(random: Random, *, n: int, pixels: int) -> tuple[Measurement, float]:
    """Return the blind attacker's AUC on images of noise, whose members cannot be told."""
    noise = torch.from_numpy(random.integers(0, 256, (n, 1, 1, pixels)).astype(np.uint8))
    images, membership = LabelledImages(noise, torch.zeros(n, dtype=torch.int64)), random.permutation(n) < n // 2
    inference = cross_fitted(images, membership, seed=int(random.integers(2**31)))
    (verdict,) = judge_membership([[inference]], [membership], [images])
    return verdict.metrics["auc"], 0.5


def hits(random: Random, images: int, repetitions: int, hard: float, noisy: float) -> tuple[np.ndarray, float]:
    """Return repetitions x images, and how likely a hit is: images and repetitions differ with these deviations."""
    ease = 1.5 + hard * random.normal(size=images) + noisy * random.normal(size=(repetitions, 1))
    return random.normal(size=ease.shape) < ease, norm.cdf(1.5 / math.sqrt(1 + hard**2 + noisy**2))


def repeated(random: Random, **settings: float) -> tuple[Measurement, float]:
    table, truth = hits(random, **settings)
    shared = by_image.shared([by_image.of_share(one) for one in table])
    return metrics.over_repetitions([metrics.proportion(one) for one in table], shared=shared), truth


def table() -> Iterator[Row]:
    for truth, n in ((0.5, 100), (0.01, 2_000), (0.992, 10_000)):
        yield f"share of {100 * truth:g} %, {n:,} images", partial(share, truth=truth, n=n)
    for truth, members, others in (
        (0.5, 1_000, 1_000), (0.5, 20, 20), (0.6, 50, 50), (0.7, 20, 500), (0.88, 20, 200), (0.88, 50, 50),
        (0.95, 20, 20), (0.95, 50, 1_000), (0.99, 50, 50), (0.99, 1_000, 1_000),
    ):  # fmt: skip
        name = f"AUC {truth:g}, {members:,} members, {others:,} others"
        yield name, partial(auc, truth=truth, members=members, others=others)
    for fpr, n in ((0.1, 1_000), (0.01, 1_000), (0.01, 10_000), (0.001, 10_000)):
        for distance, raised in ((0.0, 1.0), (0.5, 1.0), (2.0, 1.0), (4.0, 0.1)):
            name = f"TPR at {100 * fpr:g} % FPR, {n:,} each, {100 * raised:g} % of the members {distance:g} sd higher"
            yield name, partial(tpr, fpr=fpr, n=n, distance=distance, raised=raised)
    for level in (0.5, 4.0):
        name = f"TPR at 1 % FPR, 1,000 each, members 0.5 sd higher, scores rounded to {level:g} sd"
        yield name, partial(tpr, fpr=0.01, n=1_000, distance=0.5, level=level)
    for n, pixels in ((200, 50), (1_000, 50)):
        yield f"AUC of the blind, cross-fitted, {n:,} images of noise", partial(blind, n=n, pixels=pixels)
    for images, repetitions, hard, noisy in (
        (10_000, 10, 1.0, 0.03), (10_000, 5, 1.0, 0.1), (1_000, 20, 0.0, 0.1), (1_000, 5, 2.0, 0.0),
        (1_000, 2, 1.0, 0.1),
    ):  # fmt: skip
        name = (
            f"share over {repetitions} repetitions, {images:,} images; sd {hard:g} of images, {noisy:g} of repetitions"
        )
        yield name, partial(repeated, images=images, repetitions=repetitions, hard=hard, noisy=noisy)


def coverage(draw: Callable[[Random], tuple[Measurement, float]], draws: int) -> tuple[float, float]:
    """Return the share of intervals that hold the truth, and the mean of half their widths."""
    random = np.random.default_rng(0)
    drawn = [draw(random) for _ in range(draws)]
    held = [one.known.low <= truth <= one.known.high for one, truth in drawn]
    return float(np.mean(held)), float(np.mean([one.known.high - one.known.low for one, _ in drawn])) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| figure | coverage, % | mean half-width, % |\n|---|---|---|")
    for name, draw in table():
        if given.only in name:
            held, half = coverage(draw, given.draws)
            print(f"| {name} | {100 * held:.1f} | {100 * half:.2f} |", flush=True)


if __name__ == "__main__":
    main()
