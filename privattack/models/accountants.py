"""What DP-SGD proves: the privacy accountants of Opacus (the extra `dp`), and the noise that a claim needs."""

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from privattack.errors import UserError

Accountant = Literal["prv", "rdp"]

DECIMALS = 3  # of a noise multiplier that is found: what differs between versions of Opacus is rounded up


@dataclass(frozen=True)
class Privacy:
    """What is proved of every image that a model learnt from (neighbours: with the image, and without it).

    Attributes:
        epsilon: infinite where no noise was added.
        noise_multiplier: the noise's standard deviation over the clipping norm.
        sample_rate: with which probability an image is in the batch of a step.
    """

    epsilon: float
    delta: float
    accountant: Accountant
    noise_multiplier: float
    clip: float
    sample_rate: float
    steps: int


@lru_cache(maxsize=64)
def epsilon_of(noise_multiplier: float, sample_rate: float, steps: int, delta: float, accountant: Accountant) -> float:
    """Return the epsilon of that many steps of DP-SGD with Poisson sampling.

    "prv" composes privacy loss distributions (Gopi et al. 2021), "rdp" Renyi divergences (Mironov et al. 2019), which
    proves less.

    Raises:
        UserError: Opacus is not installed.
    """
    if noise_multiplier == 0:
        return math.inf
    made = _opacus().create_accountant(mechanism=accountant)
    made.history = [(noise_multiplier, sample_rate, steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the best of the orders that "rdp" tries
        return float(made.get_epsilon(delta))


@lru_cache(maxsize=64)
def noise_for(epsilon: float, sample_rate: float, steps: int, delta: float, accountant: Accountant) -> float:
    """Return the least noise multiplier, to `DECIMALS`, that proves `epsilon`; arguments as in `epsilon_of`.

    Raises:
        UserError: none up to 1,000 does, or Opacus is not installed.
    """
    step = 10**-DECIMALS
    low, high = 0, 1_000 * 10**DECIMALS  # in steps

    def proves(count: int) -> bool:
        return epsilon_of(count * step, sample_rate, steps, delta, accountant) <= epsilon

    # From where training is usual: accountants are slow, and may fail, where there is next to no noise.
    probe = 10**DECIMALS
    while not proves(probe):
        low, probe = probe, 2 * probe
        if probe > high:
            raise UserError(
                f"defence.training.epsilon={epsilon:g}: no noise proves so little in {steps:,} steps; use a larger "
                "epsilon, or fewer epochs."
            )
    high = probe
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proves(middle) else (middle, high)
    return round(high * step, DECIMALS)


def _opacus() -> Any:
    try:
        from opacus import accountants
    except ImportError as error:
        raise UserError(
            f"defence=dp_sgd: {error.name} is not installed; pip install 'privattack[dp]' brings it."
        ) from error
    return accountants
