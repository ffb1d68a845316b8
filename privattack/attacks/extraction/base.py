"""What every model extraction attack is: a way to choose queries, and surrogates that learn from the answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from privattack.attacks.extraction.knowing import known_of
from privattack.attacks.extraction.learning.base import Learner, Learning, Transcript
from privattack.attacks.knowledge import Attackers, Knowledge
from privattack.checks import checked
from privattack.data.query_pool import QueryPool
from privattack.defences.base import Defence, Reveals
from privattack.errors import UserError
from privattack.models.joined import Joined
from privattack.models.surrogate import Lesson, Loss, Surrogates, SurrogateTrainer, cross_entropy
from privattack.randomness import generator
from privattack.service import Service

NONE = -1  # where the attackers have no label of their own, or an image is not the pool's

NO_LEARNERS: Mapping[str, Learner] = {}
NOBODY_ELSE = Learning(learners=NO_LEARNERS)
EVERY: Attackers = ("published", "adaptive", "no_query")


@dataclass(frozen=True)
class Batch:
    """Images that one repetition is to ask about next.

    Attributes:
        images: pixels in [0, 1].
        own_labels: the classes that the attackers themselves would give them; `NONE` where they have none.
        places: which images of the pool they are; `NONE` for those that the attack made.
    """

    images: Float[Tensor, "n c h w"]
    own_labels: Int64[Tensor, " n"]
    places: Int64[Tensor, " n"]

    @classmethod
    def of_pool(cls, pool: QueryPool, places: Int64[Tensor, " n"]) -> "Batch":
        """Return images of the pool."""
        images = pool.images.take(places)
        labels = images.labels if pool.has_labels else torch.full_like(places, NONE)
        return cls(images.pixels(), labels, places)

    def first(self, count: int) -> "Batch":
        """Return the first so many."""
        return Batch(*(part[:count] for part in vars(self).values()))

    def answered(self, responses: Float[Tensor, "n classes"]) -> "Asked":
        """Return the images with what the service said of them."""
        return Asked(self.images, self.own_labels, self.places, responses)


@dataclass(frozen=True)
class Asked(Batch):
    """What one repetition has asked so far, in order, and what it was answered.

    Attributes:
        responses: log-probabilities.
    """

    responses: Float[Tensor, "n classes"]

    def first(self, count: int) -> "Asked":
        """Return what was asked first."""
        return Asked(*(part[:count] for part in vars(self).values()))

    def then(self, later: "Asked") -> "Asked":
        """Return this, followed by what was asked later."""
        return Asked(*(torch.cat(both) for both in zip(vars(self).values(), vars(later).values(), strict=True)))


@dataclass(frozen=True)
class Means:
    """What an attack has at hand beside the answers.

    Attributes:
        pool: the images that the attackers own.
        surrogates: how surrogates are trained.
        imitation: the defence as whoever knows it runs it on models of their own.
        learning: how those learn who know more of it than what it reveals.
        seeds: one per repetition; random choices follow from them and from how much was asked.
    """

    pool: QueryPool
    surrogates: SurrogateTrainer
    imitation: Defence
    learning: Learning
    seeds: Sequence[int]

    @property
    def reveals(self) -> Reveals:
        """What responses still tell."""
        return self.imitation.reveals

    def orders(self, stream: str) -> list[Int64[Tensor, " pool"]]:
        """Return the pool's places in random order, for each repetition.

        Args:
            stream: names the random choice.
        """
        size = len(self.pool.images)
        return [torch.randperm(size, generator=generator(seed, stream)) for seed in self.seeds]


@dataclass(frozen=True)
class Extraction:
    """What an extraction attack came to.

    Attributes:
        attackers: name and knowledge of each attacker, in the order of the surrogates' lessons.
        curve: for each budget, in ascending order, surrogates that learnt from the first so many queries: one per
            attacker and repetition.
        asked: what each repetition asked.
    """

    attackers: Sequence[tuple[str, Knowledge]]
    curve: Sequence[tuple[int, Surrogates]]
    asked: Sequence[Asked]

    @property
    def surrogates(self) -> Surrogates:
        """Those of the largest budget."""
        return self.curve[-1][1]


@checked
class ExtractionAttack(ABC):
    """Asks the service about images, in rounds, and trains surrogates on what it answers. An author writes `choose`.

    What is asked must not depend on the budget: the queries of a small budget are the first of those of a larger one.

    Args:
        attackers: which learn from the answers: `published` by `published_loss`; `adaptive` by what the defence
            reveals, KL divergence from scores or cross-entropy on labels; `no_query` from the attacker's own labels of
            the same images, which shows what the service gave away.

    Attributes:
        published_loss: the loss of the attack's paper.
        least_budget: how many queries the attack needs to start.
    """

    published_loss: Loss
    least_budget: int = 1

    def __init__(self, *, attackers: Attackers = EVERY) -> None:
        self.attackers = [Knowledge(attacker) for attacker in attackers]

    def check(self, pool: QueryPool, *, budget: int) -> None:
        """Refuse what cannot work, before anything is trained. Attacks that make images themselves check otherwise.

        Raises:
            UserError: the budget is too small to start, or larger than the pool; or nobody can learn.
        """
        if set(self.attackers) == {Knowledge.NO_QUERY} and not pool.has_labels:
            raise UserError(
                "attack.attackers=[no_query]: the query pool has no labels of the target's classes to learn without a "
                "query; add published or adaptive."
            )
        if budget < self.least_budget:
            raise UserError(f"budget={budget}: the attack needs {self.least_budget} queries to start; allow as many.")
        if budget > len(pool.images):
            raise UserError(
                f"budget={budget}: the query pool has {len(pool.images)} images; use a budget of 1 to "
                f"{len(pool.images)}."
            )

    def run(
        self,
        services: Sequence[Service],
        pool: QueryPool,
        surrogates: SurrogateTrainer,
        *,
        budgets: Sequence[int],
        seeds: Sequence[int],
        learning: Learning = NOBODY_ELSE,
    ) -> Extraction:
        """Run the attack, each repetition against a service of its own with a budget of its own.

        Args:
            services: one per repetition.
            pool: the images that the attacker owns.
            surrogates: how surrogates are trained.
            budgets: ascending; surrogates are trained at each of them, and the last is the services' budget.
            seeds: one per repetition.
            learning: who else learns from answers that a defence distorts.
        """
        attackers = [one for one in self.attackers if one is not Knowledge.NO_QUERY or pool.has_labels]
        means = Means(pool, surrogates, services[0].imitation, learning, seeds)
        learners = learning.against(means.imitation)
        asked = self._ask(services, means, budgets[-1])
        curve = [
            (budget, self.teach([one.first(budget) for one in asked], means, attackers, learners)) for budget in budgets
        ]
        named = [(attacker.value, attacker) for attacker in attackers]
        return Extraction([*named, *((name, Knowledge.ADAPTIVE) for name in learners)], curve, asked)

    @abstractmethod
    def choose(self, asked: Sequence[Asked], means: Means) -> Sequence[Batch]:
        """Return what each repetition asks next, equally many images, the more important first.

        Too many images do no harm: those past the budget are left out. Without any image the attack ends.

        Args:
            asked: what each repetition asked before, nothing in the first round.
        """

    def _ask(self, services: Sequence[Service], means: Means, budget: int) -> Sequence[Asked]:
        nothing = Batch.of_pool(means.pool, torch.empty(0, dtype=torch.int64))
        asked = [nothing.answered(torch.empty(0, means.pool.classes)) for _ in services]
        while (left := budget - len(asked[0].images)) > 0:
            chosen = self.choose(asked, means)
            batches = [batch.first(left) for batch in chosen]
            if len(batches[0].images) == 0:
                break
            asked = [
                before.then(batch.answered(service.query(batch.images)))
                for before, service, batch in zip(asked, services, batches, strict=True)
            ]
        return asked

    def trainer(self, means: Means) -> SurrogateTrainer:
        """Return how surrogates are trained: on the answers, unless an attack has more to teach them."""
        return means.surrogates

    def guide(self, asked: Sequence[Asked], means: Means) -> Surrogates:
        """Train a surrogate for each repetition to choose queries by."""
        guide = means.learning.guide()
        return self.teach(asked, means) if guide is None else self.teach(asked, means, (), dict([guide]))

    def teach(
        self,
        asked: Sequence[Asked],
        means: Means,
        attackers: Sequence[Knowledge] = (Knowledge.ADAPTIVE,),
        learners: Mapping[str, Learner] = NO_LEARNERS,
    ) -> Surrogates:
        """Train a surrogate for each attacker or learner, and repetition, on what was asked."""
        responses = torch.stack([one.responses for one in asked])
        lessons = {
            Knowledge.PUBLISHED: lambda: Lesson("published", responses, self.published_loss),
            Knowledge.ADAPTIVE: lambda: Lesson("adaptive", *known_of(responses, means.imitation)),
            Knowledge.NO_QUERY: lambda: Lesson("no_query", _own_answers(asked, responses), cross_entropy),
        }
        each = torch.stack([one.images for one in asked])
        transcript = Transcript(each, responses, means.pool, means.imitation, means.surrogates, means.seeds)
        taught: list[tuple[SurrogateTrainer, list[Lesson]]] = []
        shared = [lessons[attacker]() for attacker in attackers]
        if shared:
            taught.append((self.trainer(means), shared))
        for name, learner in learners.items():
            lesson, own = Lesson(name, learner.answers(transcript), learner.loss), learner.trainer(transcript)
            if own is None and taught and taught[-1][1] is shared:
                shared.append(lesson)
            else:
                taught.append((own or self.trainer(means), [lesson]))
        images = each.flatten(0, 1)
        queries = torch.arange(len(images)).view(len(asked), -1)
        trained = [trainer.train(images, queries, some, seeds=means.seeds) for trainer, some in taught]
        return trained[0] if len(trained) == 1 else Joined(trained)


def _own_answers(
    asked: Sequence[Asked], responses: Float[Tensor, "repetitions n classes"]
) -> Float[Tensor, "repetitions n classes"]:
    """Return the attacker's own labels in the form of responses."""
    labels = torch.stack([one.own_labels for one in asked])
    return torch.nn.functional.one_hot(labels, responses.shape[2]).to(responses.dtype).log()
