"""Scores of members and of non-members, apart and beside each other."""

import numpy as np
from jaxtyping import Bool, Float

from privattack.measurement import Measurement


def split(
    scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " members"], Float[np.ndarray, " nonmembers"]]:
    """Return members' and non-members' scores as float64; raise ValueError for NaN."""
    same_length(scores, membership)
    exact = scores.astype(np.float64)
    undefined = int(np.count_nonzero(np.isnan(exact)))
    if undefined:
        raise ValueError(f"scores must be numbers, got NaN for {undefined} of {len(exact)} images")
    return exact[membership], exact[~membership]


def share_below(scores: Float[np.ndarray, " n"], ascending: Float[np.ndarray, " others"]) -> Float[np.ndarray, " n"]:
    """Return for each score the share of `ascending` below it, ties counted half."""
    below = np.searchsorted(ascending, scores, side="left")
    not_above = np.searchsorted(ascending, scores, side="right")
    return (below + not_above) / (2 * len(ascending))


def same_length(first: np.ndarray, membership: np.ndarray) -> None:
    """Raise ValueError unless there is a membership bit for each."""
    if first.shape != membership.shape:
        raise ValueError(f"one membership bit an image is needed, got {membership.shape} for {first.shape}")


def needs_both(members: np.ndarray, nonmembers: np.ndarray) -> None:
    """Raise ValueError where members or non-members are missing."""
    if len(members) == 0 or len(nonmembers) == 0:
        raise ValueError(f"needs members and non-members, got {len(members)} and {len(nonmembers)}")


def one_sided(membership: Bool[np.ndarray, " n"]) -> Measurement:
    """Return the measurement that is missing because members or non-members are."""
    members = int(np.count_nonzero(membership))
    others = len(membership) - members
    why = f"needs members and non-members, there are {members} and {others}"
    return Measurement.missing(len(membership), why)
