"""By how much one attacker does better than another: image by image, where both were judged on the same images."""

import math

from privattack.measurement import Measurement
from privattack.metrics import by_image
from privattack.results.figures import widened
from privattack.results.result import Attacker


def difference(first: Attacker, second: Attacker, metric: str, *, comparisons: int = 1) -> Measurement:
    """Return by how much the first attacker's figure exceeds the second's; missing where one of them is.

    Two intervals that overlap do not say that there is none. Results without a record of single images, and attackers
    who were judged on different images, are compared as if their errors had nothing to do with each other.

    Args:
        comparisons: the interval is widened to hold for so many at once (Bonferroni).
    """
    ours, theirs = first.compared.get(metric), second.compared.get(metric)
    if ours is not None and theirs is not None and by_image.same_images(ours, theirs):
        return by_image.difference(ours, theirs, comparisons=comparisons)
    return unpaired(first.figure(metric), second.figure(metric), comparisons=comparisons)


def unpaired(first: Measurement, second: Measurement, *, comparisons: int = 1) -> Measurement:
    """Return the difference of two independent figures, by the halves of their intervals (Zou & Donner 2008)."""
    n = min(first.n, second.n)
    for one in (first, second):
        if not one.given:
            return Measurement.missing(n, str(one.why))
    (ours, low, high), (theirs, lowest, highest) = (widened(one, comparisons).known for one in (first, second))
    gap = ours - theirs
    below, above = math.hypot(ours - low, highest - theirs), math.hypot(high - ours, theirs - lowest)
    return Measurement(value=gap, low=gap - below, high=gap + above, n=n)


def is_clear(gap: Measurement) -> bool:
    """Say whether a difference lies above zero beyond its interval."""
    return gap.given and gap.known.low > 0
