"""How well a surrogate copies its target."""

import numpy as np
from jaxtyping import Float

from privattack.measurement import Measurement
from privattack.metrics.intervals import mean


def mean_kl_divergence(
    target_log_probabilities: Float[np.ndarray, "n classes"],
    surrogate_log_probabilities: Float[np.ndarray, "n classes"],
) -> Measurement:
    """Return the mean over images of KL(target || surrogate), in nats, with a t interval.

    A class that the target rules out (log-probability -inf) adds nothing; one that only the surrogate rules
    out makes the divergence infinite, and the result missing. So do answers of a surrogate that are NaN, for its
    training diverged. Raises ValueError where the target's are NaN, and for +inf.
    """
    target = target_log_probabilities.astype(np.float64)
    surrogate = surrogate_log_probabilities.astype(np.float64)
    if target.shape != surrogate.shape:
        raise ValueError(f"target and surrogate must answer alike, got {target.shape} and {surrogate.shape}")
    if not (target < np.inf).all() or (surrogate == np.inf).any():
        raise ValueError("log-probabilities must be numbers below infinity, got NaN or +inf")
    probability = np.exp(target)
    possible = probability > 0
    ratio = np.subtract(target, surrogate, out=np.zeros_like(target), where=possible)
    # Rounding can leave the divergence of two equal answers a hair below zero.
    divergence = np.maximum((probability * ratio).sum(axis=1), 0.0)
    infinite = int(np.count_nonzero(np.isinf(divergence)))
    if infinite:
        why = f"infinite on {infinite} images: the surrogate rules out a class that the target does not"
        return Measurement.missing(len(target), why)
    return mean(divergence, lowest=0.0)
