"""Semi-supervised extraction (Jagielski et al. 2020, section 4): what was not asked about teaches the surrogate, too.

The paper learns by MixMatch; here it is FixMatch (Sohn et al. 2020), its simpler successor. Surrogates also see each
image shifted, and learn in more steps than those of other attacks; `weight: 0` keeps both and leaves the unlabelled
images out, which tells apart what each is worth.
"""

from typing import Annotated

from pydantic import Field

from privattack.attacks.extraction.base import EVERY, Means
from privattack.attacks.extraction.mea import ModelExtraction
from privattack.attacks.knowledge import Attackers
from privattack.checks import Few, Length, Share, checked
from privattack.models.fixmatch import FixMatchTrainer
from privattack.models.surrogate import SurrogateTrainer, cross_entropy


@checked
class SemiSupervised(ModelExtraction):
    """Asks about random images of the pool; surrogates learn the answers, and their own sure guesses on the whole pool.

    The queries are those of `ModelExtraction` with the same seed, so that what they ask is the same; they
    differ in what is learnt, in shifts and in the number of steps. An attacker without queries has the same images to
    learn from.

    Args:
        mu: how many unlabelled images a step learns for each with an answer, from 1 up.
        steps: how many an epoch has, from 1 up, or as many as one pass over the queries needs where those are more:
            a pass over few queries would end before anything is learnt from the rest of the pool. With the
            surrogates' defaults, 100 steps an epoch are 128,000 unlabelled images in all.
        threshold: how sure a surrogate must be of its guess to learn it, 0 to 1.
        weight: of the loss on unlabelled images, from 0 up; 0 leaves them out.

    Raises:
        UserError: a setting is none of these.
    """

    published_loss = staticmethod(cross_entropy)

    def __init__(
        self,
        *,
        attackers: Attackers = EVERY,
        mu: Few = 2,
        steps: Length = 100,
        threshold: Share = 0.95,
        weight: Annotated[float, Field(ge=0)] = 1.0,
    ) -> None:
        super().__init__(attackers=attackers)
        self.mu = mu
        self.steps = steps
        self.threshold = threshold
        self.weight = weight

    def trainer(self, means: Means) -> SurrogateTrainer:
        """Return how surrogates learn from the whole pool; see the base class."""
        return FixMatchTrainer(
            means.surrogates,
            means.pool.images.images,
            mu=self.mu,
            steps=self.steps,
            threshold=self.threshold,
            weight=self.weight,
        )
