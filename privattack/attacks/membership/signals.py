"""Signals: what one model's answer tells of one image, as one number; higher = more likely a member.

All take log-probabilities, float64, natural logarithms, and the true classes; none is NaN for a proper distribution.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int64

Scores = Float[np.ndarray, " n"]
Signal = Callable[[Float[np.ndarray, "n classes"], Int64[np.ndarray, " n"]], Scores]

TINY = float(np.finfo(np.float64).tiny)


def loss(log_probabilities: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> Scores:
    """Return log p_y, the negative of the loss (Yeom et al. 2018, section III).

    From the margin, as -log(1 + exp(-margin)): where p_y rounds to 1, the other classes still tell images apart.
    """
    return -np.logaddexp(0.0, -margin(log_probabilities, labels))


def gap(log_probabilities: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> Scores:
    """Return 1 where the winning class is the true one, else 0 (Yeom et al. 2018, section III)."""
    return (log_probabilities.argmax(axis=1) == labels).astype(np.float64)


def entropy(log_probabilities: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> Scores:
    """Return the sum of p log p, the negative entropy (Song & Mittal 2021, section III.B.3)."""
    # 0 log 0 is 0.
    return (np.exp(log_probabilities) * np.maximum(log_probabilities, np.log(TINY))).sum(axis=1)


def modified_entropy(log_probabilities: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> Scores:
    """Return (1 - p_y) log p_y + sum over i != y of p_i log(1 - p_i) (Song & Mittal 2021, equation 8), negative
    modified entropy: higher = more likely a member.
    """
    p = np.exp(log_probabilities)
    # Each form of log(1 - p) keeps its digits on its own side.
    unlikely = np.maximum(-np.expm1(log_probabilities), TINY)
    log_unlikely = np.where(p < 0.5, np.log1p(-np.minimum(p, 0.5)), np.log(unlikely))
    terms = p * log_unlikely
    rows = np.arange(len(labels))
    log_p = loss(log_probabilities, labels)
    terms[rows, labels] = -np.expm1(log_p) * log_p
    return terms.sum(axis=1)


def margin(log_probabilities: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> Scores:
    """Return log p_y - log of the sum over i != y of p_i: the logit of p_y (Carlini et al. 2022, section IV.C).

    From logarithms, so that 1 - p_y keeps its digits where p_y is near 1.
    """
    rows = np.arange(len(labels))
    others = log_probabilities.copy()
    others[rows, labels] = -np.inf
    highest = others.max(axis=1, keepdims=True)
    rest = highest[:, 0] + np.log(np.exp(others - highest).sum(axis=1))
    return log_probabilities[rows, labels] - rest


def hinge(log_probabilities: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> Scores:
    """Return z_y - max over i != y of z_i, alike for logits z and log-probabilities (Bertran et al. 2023, 4)."""
    rows = np.arange(len(labels))
    others = log_probabilities.copy()
    others[rows, labels] = -np.inf
    return log_probabilities[rows, labels] - others.max(axis=1)


def log_mean(log_p: Float[np.ndarray, "models n"], of_kind: Bool[np.ndarray, "models n"] | None = None) -> Scores:
    """Return the log of the mean of p over models: over those of a kind, of which each image has one or more.

    Means of numbers next to 1 keep their digits.
    """
    counted = np.ones(log_p.shape, dtype=bool) if of_kind is None else of_kind
    highest = np.where(counted, log_p, -np.inf).max(axis=0)
    return highest + np.log1p(np.expm1(np.minimum(log_p - highest, 0)).mean(axis=0, where=counted))
