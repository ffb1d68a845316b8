"""Near duplicates among queries (after Li et al. 2022, "Blacklight: scalable defense for neural networks against
query-based black-box attacks").
"""

from collections import Counter
from typing import Annotated

import numpy as np
from jaxtyping import Float, UInt64
from pydantic import Field
from torch import Tensor

from privattack.checks import Count, Few, Seed, checked
from privattack.monitors.base import Monitor, Policy


@checked
class NearDuplicates(Monitor):
    """Raises the alarm where a query shares many of its fingerprint's hashes with one of the same client before.

    Pixels are quantised, and each window of pixels side by side gets a salted hash. The smallest hashes are the image's
    fingerprint.

    Args:
        levels: of 256 that a quantised pixel is wide; the paper's is 50.
        window: of how many pixels; the paper's is 20 for MNIST.
        hashes: of a fingerprint.
        shared: from how many shared hashes on a query is a near duplicate.
        salt: the secret that hashes depend on.
    """

    def __init__(
        self,
        *,
        levels: Annotated[int, Field(ge=1, le=256)] = 50,
        window: Few = 20,
        hashes: Few = 50,
        shared: Few = 25,
        salt: Seed = 0,
        policy: Policy = "log",
        accounts: Few = 1,
        pace: Count | None = None,
    ) -> None:
        super().__init__(policy=policy, accounts=accounts, pace=pace)
        self.levels = levels
        self.window = window
        self.hashes = hashes
        self.shared = shared
        self.salt = salt
        self._weights = np.random.default_rng(salt).integers(1, 2**63, size=window, dtype=np.uint64) | np.uint64(1)
        self._known: dict[int, list[int]] = {}
        self._asked = 0

    def session(self, seed: int) -> "NearDuplicates":
        """Return the monitor of one client; see the base class."""
        names = ("levels", "window", "hashes", "shared", "salt", "policy", "accounts", "pace")
        return NearDuplicates(**{name: getattr(self, name) for name in names})

    def suspects(self, pixels: Float[Tensor, "c h w"], winner: int) -> bool:
        """Take notice of a query; see the base class."""
        fingerprint = self._fingerprint(pixels).tolist()
        met = Counter(query for one in fingerprint for query in self._known.get(one, ()))
        for one in fingerprint:
            self._known.setdefault(one, []).append(self._asked)
        self._asked += 1
        return any(count >= self.shared for count in met.values())

    def _fingerprint(self, pixels: Float[Tensor, "c h w"]) -> UInt64[np.ndarray, " hashes"]:
        quantised = ((pixels.numpy().ravel() * 255).round().astype(np.uint64) // self.levels) + 1
        windows = np.lib.stride_tricks.sliding_window_view(quantised, min(self.window, len(quantised)))
        sums = (windows * self._weights[: windows.shape[1]]).sum(axis=1, dtype=np.uint64)
        # Wrapped products and shifts: splitmix64's last steps.
        mixed = (sums ^ (sums >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        return np.unique(mixed ^ (mixed >> np.uint64(27)))[: self.hashes]
