"""Knockoff nets (Orekondy, Schiele & Fritz 2019): soft answers about images of any domain, random or by a bandit.

The paper's adaptive policy asks for one image at a time, and its surrogate learns each answer at once. Here a round has
`round` images, drawn by one policy; and surrogates are trained from scratch whenever the answers have doubled, which
costs about as much as training once on all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn.functional import one_hot

from privattack.attacks.extraction.base import EVERY, Asked, Batch, ExtractionAttack, Means
from privattack.attacks.knowledge import Attackers
from privattack.checks import Count, checked
from privattack.models.surrogate import Surrogates, kl_divergence
from privattack.randomness import generator


@checked
class KnockoffNets(ExtractionAttack):
    """Asks about images of the pool, and learns the answers' probabilities.

    The published loss is the cross-entropy with the answers, which differs from KL divergence by a constant.

    Args:
        policy: `random` asks in random order; `adaptive` prefers classes of the pool by a gradient bandit (section
            4.2), which starts without preference and never asks about an image twice.
        round: how many images the adaptive policy asks about before it learns from the answers.

    Raises:
        UserError: a setting is none of these.
    """

    published_loss = staticmethod(kl_divergence)

    def __init__(
        self,
        *,
        attackers: Attackers = EVERY,
        policy: Literal["random", "adaptive"] = "random",
        round: Count = 50,
    ) -> None:
        super().__init__(attackers=attackers)
        self.policy = policy
        self.round = round

    def choose(self, asked: Sequence[Asked], means: Means) -> list[Batch]:
        """Return the rest of the pool in random order, or the next round of the bandit; see the base class."""
        count = len(asked[0].images)
        pool, orders = means.pool, means.orders("knockoff.order")
        if self.policy == "random":
            return [Batch.of_pool(pool, order[count:]) for order in orders]
        names, classes = pool.images.labels.unique(return_inverse=True)
        if count == 0:
            self._bandits = Bandits.without_preference(len(means.seeds), len(names))
        else:
            self._learn(asked, means, classes)
        return [
            Batch.of_pool(pool, draw(preferences, order[~torch.isin(order, one.places)], classes, self.round, random))
            for preferences, order, one, random in zip(
                self._bandits.preferences,
                orders,
                asked,
                [generator(seed, "knockoff.classes", count) for seed in means.seeds],
                strict=True,
            )
        ]

    def _learn(self, asked: Sequence[Asked], means: Means, classes: Int64[Tensor, " pool"]) -> None:
        bandits = self._bandits
        before = bandits.losses.shape[1]
        answers = torch.stack([one.responses for one in asked]).double()
        images = torch.stack([one.images[before:] for one in asked])
        actions = classes[torch.stack([one.places for one in asked])]
        bandits.learn(actions, answers, images)
        if answers.shape[1] >= 2 * bandits.taught:
            bandits.trained = self.guide(asked, means)
            bandits.taught = answers.shape[1]


@dataclass
class Bandits:
    """What the bandits of a run know, one per repetition.

    Attributes:
        preferences: H, of which the policy is the softmax.
        losses: of each answer so far, under the surrogates that had not learnt it.
        trained: surrogates, on the first `taught` answers; none at first.
    """

    preferences: Float64[Tensor, "repetitions actions"]
    losses: Float64[Tensor, "repetitions n"]
    trained: Surrogates | None = None
    taught: int = 0

    @classmethod
    def without_preference(cls, repetitions: int, actions: int) -> "Bandits":
        """Return bandits that know nothing."""
        return cls(torch.zeros(repetitions, actions).double(), torch.zeros(repetitions, 0).double())

    def learn(
        self,
        actions: Int64[Tensor, "repetitions n"],
        answers: Float64[Tensor, "repetitions n classes"],
        images: Float[Tensor, "repetitions new c h w"],
    ) -> None:
        """Move the preferences by the newest answers.

        With the policy pi = softmax(H), and r the reward for the class c, drawn for the N_c-th time:
        H_c += (r - mean r) (1 - pi_c) / N_c, and H_a -= (r - mean r) pi_a / N_c for the other classes a.

        Args:
            actions: the classes of all images asked about.
            answers: log-probabilities.
            images: the newest.
        """
        new = images.shape[1]
        self.losses = torch.cat([self.losses, self._losses(images, answers[:, -new:])], dim=1)
        reward = rewards(answers, self.losses)
        drawn = one_hot(actions, self.preferences.shape[1]).double()
        times = (drawn.cumsum(dim=1) * drawn).sum(dim=2)
        steps = (reward - running_mean(reward)) / times
        policy = self.preferences.softmax(dim=1).unsqueeze(1)
        self.preferences += (steps.unsqueeze(2) * (drawn - policy))[:, -new:].sum(dim=1)

    @torch.inference_mode()
    def _losses(
        self, images: Float[Tensor, "repetitions new c h w"], answers: Float64[Tensor, "repetitions new classes"]
    ) -> Float64[Tensor, "repetitions new"]:
        """Return the cross-entropy of the answers under the surrogates, or under equal odds while there is none."""
        if self.trained is None:
            return torch.full_like(answers[:, :, 0], answers.shape[2]).log()
        return -(answers.exp() * self.trained(images.unsqueeze(0))[0].cpu()).sum(dim=2)


def rewards(
    answers: Float64[Tensor, "repetitions n classes"], losses: Float64[Tensor, "repetitions n"]
) -> Float64[Tensor, "repetitions n"]:
    """Return the mean of certainty, diversity and loss, each rescaled to [0, 1] by its extremes so far (section 4.2).

    Certainty is the margin between an answer's two highest probabilities, diversity the sum of what its probabilities
    have above their running means.

    Args:
        answers: log-probabilities, in the order in which they came.
        losses: of the surrogates that had not learnt them.
    """
    probabilities = answers.exp()
    highest = probabilities.topk(2, dim=2).values
    certainty = highest[:, :, 0] - highest[:, :, 1]
    diversity = (probabilities - running_mean(probabilities)).clamp(min=0).sum(dim=2)
    parts = torch.stack([certainty, diversity, losses])
    low, high = parts.cummin(dim=2).values, parts.cummax(dim=2).values
    return torch.where(high > low, (parts - low) / (high - low), 0).mean(dim=0)


def running_mean(values: Float64[Tensor, "repetitions n *rest"]) -> Float64[Tensor, "repetitions n *rest"]:
    """Return the mean of each value and those before it."""
    counts = torch.arange(1, values.shape[1] + 1).view(-1, *[1] * (values.dim() - 2))
    return values.cumsum(dim=1) / counts


def draw(
    preferences: Float64[Tensor, " actions"],
    places: Int64[Tensor, " left"],
    classes: Int64[Tensor, " pool"],
    count: int,
    random: torch.Generator,
) -> Int64[Tensor, " chosen"]:
    """Return images of classes drawn by the softmax of the preferences, as many as asked for or as there are.

    A class without an image left drops out.

    Args:
        places: images to choose from; of each class, the last come first.
        classes: of every image of the pool.
    """
    queues = [places[classes[places] == action].tolist() for action in range(len(preferences))]
    chosen = []
    for _ in range(min(count, len(places))):
        empty = torch.tensor([not queue for queue in queues])
        policy = preferences.masked_fill(empty, -torch.inf).softmax(dim=0)
        chosen.append(queues[int(torch.multinomial(policy, 1, generator=random))].pop())
    return torch.tensor(chosen, dtype=torch.int64)
