"""Semi-supervised extraction (Jagielski et al. 2020, section 4): what was not asked about teaches the surrogate, too.

The paper learns by MixMatch; here it is FixMatch (Sohn et al. 2020), its simpler successor. Surrogates also see each
image shifted, and learn in more steps than those of other attacks; `weight: 0` keeps both and leaves the unlabelled
images out, which tells apart what each is worth.
"""

from collections.abc import Sequence

from privattack.attacks.extraction.mea import ModelExtraction
from privattack.data.query_pool import QueryPool
from privattack.errors import UserError
from privattack.models.semisupervised import FixMatchTrainer
from privattack.models.surrogate import SurrogateTrainer, cross_entropy


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
        attackers: Sequence[str] | None = None,
        mu: int = 2,
        steps: int = 100,
        threshold: float = 0.95,
        weight: float = 1.0,
    ) -> None:
        super().__init__(attackers=attackers)
        if not mu >= 1:
            raise UserError(f"attack.mu={mu}: needs a whole number from 1 up.")
        if not steps >= 1:
            raise UserError(f"attack.steps={steps}: needs a whole number from 1 up.")
        if not 0 <= threshold <= 1:
            raise UserError(f"attack.threshold={threshold}: needs a number from 0 to 1.")
        if not 0 <= weight < float("inf"):
            raise UserError(f"attack.weight={weight}: needs a number from 0 up.")
        self.mu = mu
        self.steps = steps
        self.threshold = threshold
        self.weight = weight

    def trainer(self, surrogates: SurrogateTrainer, pool: QueryPool) -> SurrogateTrainer:
        """Return how surrogates learn from the whole pool; see the base class."""
        return FixMatchTrainer(
            surrogates,
            pool.images.images,
            mu=self.mu,
            steps=self.steps,
            threshold=self.threshold,
            weight=self.weight,
        )
