"""PRADA (Juuti et al. 2019, "PRADA: protecting against DNN model stealing attacks", algorithm 3)."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import shapiro
from torch import Tensor

from privattack.checks import Count, Few, PositiveShare, checked
from privattack.monitors.base import Monitor, Policy

OUTLIERS = 3  # standard deviations beyond which a distance is left out
MOST = 5_000  # distances that the test takes: its p value is not looked at, and W changes no more
FEWEST = 10  # distances of a class that count


@checked
class Prada(Monitor):
    """Raises the alarm where the distances between a client's queries are not normally distributed.

    A query's distance is that to the nearest kept query of its class (L2, pixels in [0, 1]); it is kept, too, where
    that is more than the class's threshold, the largest so far of mean less standard deviation of kept distances.

    Args:
        delta: the alarm is raised below this W of Shapiro and Wilk; the paper's is 0.95 for MNIST.
        enough: how many distances it takes.
        every: how many queries pass between two tests.
    """

    def __init__(
        self,
        *,
        delta: PositiveShare = 0.95,
        enough: Count = 100,
        every: Count = 10,
        policy: Policy = "log",
        accounts: Few = 1,
        pace: Count | None = None,
    ) -> None:
        super().__init__(policy=policy, accounts=accounts, pace=pace)
        self.delta = delta
        self.enough = enough
        self.every = every
        self._kept: dict[int, Float[Tensor, "kept pixels"]] = {}
        self._between: dict[int, list[float]] = {}
        self._distances: dict[int, list[float]] = {}
        self._thresholds: dict[int, float] = {}
        self._asked = 0

    def session(self, seed: int) -> "Prada":
        """Return the monitor of one client; see the base class."""
        settings = {name: getattr(self, name) for name in ("delta", "enough", "every", "policy", "accounts", "pace")}
        return Prada(**settings)

    def suspects(self, pixels: Float[Tensor, "c h w"], winner: int) -> bool:
        """Take notice of a query; see the base class."""
        self._asked += 1
        image = pixels.reshape(1, -1)
        kept = self._kept.get(winner)
        if kept is None:
            self._kept[winner] = image
        else:
            nearest = float((kept - image).norm(dim=1).min())
            self._distances.setdefault(winner, []).append(nearest)
            if nearest > self._thresholds.get(winner, 0.0):
                self._kept[winner] = torch.cat([kept, image])
                # The first image's is 0, as in the authors' code: otherwise the second's would be the threshold.
                between = self._between.setdefault(winner, [0.0])
                between.append(nearest)
                self._thresholds[winner] = max(
                    self._thresholds.get(winner, 0.0), float(np.mean(between) - np.std(between))
                )
        return self._asked % self.every == 0 and self._is_odd()

    def _is_odd(self) -> bool:
        every = [one for known in self._distances.values() if len(known) >= FEWEST for one in known]
        if len(every) <= self.enough:
            return False
        distances = np.array(every)
        usual = distances[np.abs(distances - distances.mean()) <= OUTLIERS * distances.std()][-MOST:]
        if len(usual) <= self.enough or np.ptp(usual) == 0:
            return len(usual) > self.enough
        return bool(shapiro(usual).statistic < self.delta)
