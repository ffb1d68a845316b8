"""The 95 % intervals of shares, of means and over repetitions."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import betaincinv, stdtrit

from privattack.measurement import Measurement


def clopper_pearson(successes: float | int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a proportion, `successes` of `n` (Clopper & Pearson 1934).

    Half a success is allowed: the beta quantiles that define the interval pass smoothly through it.
    Raises ValueError unless 0 <= successes <= n and n >= 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"a proportion has 0 <= successes <= n and n >= 1, got {successes} of {n}")
    low = float(betaincinv(successes, n - successes + 1, 0.025)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, n - successes, 0.975)) if successes < n else 1.0
    return low, high


def proportion(hits: Bool[np.ndarray, " n"] | Float[np.ndarray, " n"]) -> Measurement:
    """Return the share of hits with its Clopper-Pearson interval; missing where n = 0. A hit by a coin is part of one.

    >>> proportion(np.array([True, True, True, False])).value
    0.75
    """
    n = len(hits)
    if n == 0:
        return Measurement.missing(0, "there are no images to measure on")
    successes = float(hits.sum())
    low, high = clopper_pearson(successes, n)
    return Measurement(value=successes / n, low=low, high=high, n=n)


def mean(values: Float[np.ndarray, " n"], *, lowest: float = -math.inf) -> Measurement:
    """Return the mean with Student's t interval; missing where n < 2, which allows no interval, or one is not finite.

    `lowest` is the smallest mean that can be: 0 for a distance. The interval is cut there. Raises ValueError
    where a value is smaller than `lowest`.
    """
    n = len(values)
    if n < 2:
        return Measurement.missing(n, f"the interval of a mean needs at least 2 images, there are {n}")
    exact = values.astype(np.float64)
    if endless := int(np.count_nonzero(~np.isfinite(exact))):
        return Measurement.missing(n, f"{endless} of {n} values are infinite or not a number")
    if exact.min() < lowest:
        raise ValueError(f"values must be at least {lowest}, got {exact.min()} to {exact.max()}")
    centre = float(exact.mean())
    half_width = float(stdtrit(n - 1, 0.975)) * float(exact.std(ddof=1)) / math.sqrt(n)
    return Measurement(value=centre, low=max(centre - half_width, lowest), high=centre + half_width, n=n)


def stretched(measurement: Measurement, factor: float) -> Measurement:
    """Return a share with an interval `factor` times as wide, cut to [0, 1]."""
    if not measurement.given:
        return measurement
    value, low, high = measurement.known
    low, high = value - factor * (value - low), value + factor * (high - value)
    return replace(measurement, low=max(low, 0.0), high=min(high, 1.0))


def over_repetitions(measurements: Sequence[Measurement], *, shared: float = 1.0, bounded: bool = True) -> Measurement:
    """Return the mean over R repetitions, with an interval for both of its sources of uncertainty.

    Repetitions differ because the attack is noisy, and are judged on a sample of images, mostly the same one. The
    variance of the mean is that of the repetitions over R, and beside it what does not shrink with R: the part of the
    sampling variance that all repetitions have in common (the decomposition of a table of images x repetitions into
    image, repetition and rest). So the half-width below the mean is

        sqrt((t_{R-1} sd / sqrt(R))^2 + shared (mean_i(value_i - low_i))^2)

    and likewise above (the rule for independent errors of Zou & Donner 2008), but no less than the mean half-width of
    one repetition over sqrt(R), which is what is left of it where all come out alike.

    n is that of one repetition, the smallest where they differ. With R = 1 the result is the measurement itself; any
    missing one makes the result missing, for its reason.

    Args:
        shared: from 0 to 1, by `by_image.shared`; 1, which is on the safe side, where nobody knows.
        bounded: cuts the interval to [0, 1] where every given interval lies in it; False for what has no upper bound,
            such as a divergence.

    Raises:
        ValueError: there is no measurement.
    """
    if not measurements:
        raise ValueError("a mean over repetitions needs at least one measurement, got none")
    repetitions = len(measurements)
    n = min(measurement.n for measurement in measurements)
    triples: list[tuple[float, float, float]] = []
    for measurement in measurements:
        if measurement.value is None or measurement.low is None or measurement.high is None:
            return Measurement.missing(n, measurement.why or "a repetition has no value")
        triples.append((measurement.low, measurement.value, measurement.high))
    lows, values, highs = np.array(triples, dtype=np.float64).T
    centre = float(values.mean())
    if repetitions == 1:
        return replace(measurements[0], n=n, repetitions=1)
    sd = float(values.std(ddof=1))
    spread = float(stdtrit(repetitions - 1, 0.975)) * sd / math.sqrt(repetitions)

    def half_width(sampling: float) -> float:
        return max(math.hypot(spread, math.sqrt(shared) * sampling), sampling / math.sqrt(repetitions))

    low = centre - half_width(float((values - lows).mean()))
    high = centre + half_width(float((highs - values).mean()))
    if bounded and lows.min() >= 0 and highs.max() <= 1:
        low, high = max(low, 0.0), min(high, 1.0)
    note = next((one.note for one in measurements if one.note), None)
    return Measurement(value=centre, low=low, high=high, n=n, sd=sd, repetitions=repetitions, note=note)


def over_targets(measurements: Sequence[Measurement], *, bounded: bool = True) -> Measurement:
    """Return the mean over models attacked in turn, all on the same images, with an interval over such models.

    Each model has members of its own. So what chance does in who is a member differs from model to model, `sd` contains
    it, and they have nothing in common. The interval is about these images, and other models trained on halves of them.
    Otherwise as `over_repetitions`.
    """
    return over_repetitions(measurements, shared=0.0, bounded=bounded)
