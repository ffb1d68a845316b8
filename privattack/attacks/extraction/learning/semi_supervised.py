"""Learning the winning class, and the images that nobody asked about (Jagielski et al. 2020; see `models.fixmatch`)."""

from functools import partial
from typing import Annotated

from pydantic import Field

from privattack.attacks.extraction.learning.base import Transcript
from privattack.attacks.extraction.learning.label import Label
from privattack.checks import Few, Length, Share, checked
from privattack.models.fixmatch import FixMatchTrainer


@checked
class SemiSupervised(Label):
    """FixMatch on the winner of each response and on the whole pool.

    Args:
        mu, steps, threshold, weight: see the attack of this name.
    """

    def __init__(
        self,
        *,
        mu: Few = 2,
        steps: Length = 100,
        threshold: Share = 0.95,
        weight: Annotated[float, Field(ge=0)] = 1.0,
    ) -> None:
        self.trained_by = partial(FixMatchTrainer, mu=mu, steps=steps, threshold=threshold, weight=weight)

    def trainer(self, transcript: Transcript) -> FixMatchTrainer:
        """Return how surrogates learn from the whole pool; see the base class."""
        return self.trained_by(transcript.surrogates, transcript.pool.images.images)
