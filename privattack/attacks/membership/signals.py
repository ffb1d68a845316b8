"""Signals: what one model's answer tells of one image, as one number; higher = more likely a member.

All take log-probabilities, float64, natural logarithms, and the true classes; none is NaN for a proper distribution.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int64

Scores = Float[np.ndarray, " n"]
Signal = Callable[[Float[np.ndarray, "n classes"], Int64[np.ndarray, " n"]], Scores]

TINY = float(np.finfo(np.float64).tiny)


def loss(log_probabilities: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]) -> Scores:
    """Return log p_y, the negative of the loss (Yeom et al. 2018, section III)."""
    return log_probabilities[np.arange(len(labels)), labels]


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
    p, unlikely = np.exp(log_probabilities), -np.expm1(log_probabilities)
    # Each form of log(1 - p) keeps its digits on its own side.
    log_unlikely = np.where(p < 0.5, np.log1p(-np.minimum(p, 0.5)), np.log(np.maximum(unlikely, TINY)))
    terms = p * log_unlikely
    rows = np.arange(len(labels))
    terms[rows, labels] = unlikely[rows, labels] * log_probabilities[rows, labels]
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
