"""Whether answers are as sure as they are right."""

import numpy as np
from jaxtyping import Bool, Float

from privattack.measurement import Measurement
from privattack.metrics.intervals import mean

BINS = 15


def calibration_error(confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> Measurement:
    """Return the expected calibration error over 15 bins of equal width (Guo et al. 2017, section 2).

    The mean over images of by how much their bin's confidence and accuracy differ. Its interval takes the side on which
    each bin errs as known, so that of answers that are calibrated it lies a little high.

    Args:
        confidence: of the winner, from 0 to 1.
        right: whether the winner is the image's class.
    """
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = right.astype(np.float64) - confidence.astype(np.float64)
    sides = np.sign(np.bincount(bins, weights=gaps, minlength=BINS))
    error = mean(sides[bins] * gaps)
    if not error.given:
        return error
    value, low, high = error.known
    return Measurement(value=value, low=max(low, 0.0), high=min(high, 1.0), n=error.n)
