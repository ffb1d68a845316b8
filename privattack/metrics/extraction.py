"""How well a surrogate copies its target."""

import numpy as np
from jaxtyping import Float

from privattack.measurement import Measurement
from privattack.metrics.intervals import mean


def kl_divergence(
    target_log_probabilities: Float[np.ndarray, "n classes"],
    surrogate_log_probabilities: Float[np.ndarray, "n classes"],
) -> Float[np.ndarray, " n"]:
    """Return each image's KL(target || surrogate), in nats.

    A class that the target rules out (log-probability -inf) adds nothing; one that only the surrogate rules out makes
    the divergence infinite, and answers of a surrogate that are NaN, for its training diverged, make it NaN. Raises
    ValueError where the target's are NaN, and for +inf.
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
    divergence: Float[np.ndarray, " n"] = np.maximum((probability * ratio).sum(axis=1), 0.0)
    return divergence


def mean_kl_divergence(divergence: Float[np.ndarray, " n"]) -> Measurement:
    """Return the mean over images of what `kl_divergence` gives, with a t interval; missing where one is infinite."""
    infinite = int(np.count_nonzero(np.isinf(divergence)))
    if infinite:
        why = f"infinite on {infinite} images: the surrogate rules out a class that the target does not"
        return Measurement.missing(len(divergence), why)
    return mean(divergence, lowest=0.0)
