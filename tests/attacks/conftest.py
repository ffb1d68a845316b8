"""Attackers' auxiliary data made of arrays: answers are looked up, so that attacks can be judged against formulas."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from privattack.attacks.membership.shadow import Answers, Auxiliary, ShadowModel
from privattack.data.images import LabelledImages
from privattack.defences.none import NoDefence
from privattack.service import Service


@dataclass(frozen=True)
class World:
    """A target, and what an attacker on it holds.

    Attributes:
        membership: of the candidates in the target.
        target: the target's answers.
        log_probabilities: of the shadow models for the candidates, models x n x classes.
        public_log_probabilities: the same for the public images.
    """

    auxiliary: Auxiliary
    membership: np.ndarray
    target: Answers
    log_probabilities: np.ndarray
    public_log_probabilities: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        return self.auxiliary.candidates.labels.numpy()

    @property
    def public_labels(self) -> np.ndarray:
        return self.auxiliary.public.labels.numpy()

    def service(self) -> Service:
        """Return a service that answers about exactly these images, each once."""
        return Service(ask(self.target), NoDefence(), budget=len(self.target.candidates) + len(self.target.public))


def numbered(labels: np.ndarray, *, first: int, seed: int) -> LabelledImages:
    """Return images of noise that carry their number, from `first` on, in the first two pixels."""
    images = np.random.default_rng((seed, first)).integers(0, 256, (len(labels), 28, 28)).astype(np.uint8)
    numbers = first + np.arange(len(labels))
    images[:, 0, 0], images[:, 0, 1] = numbers // 256, numbers % 256
    return LabelledImages(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels))


def ask(answers: Answers) -> Callable[[Tensor], Tensor]:
    """Return a model that looks its answers up by an image's number."""
    table = torch.from_numpy(np.concatenate([answers.candidates, answers.public]))

    def look_up(pixels: Tensor) -> Tensor:
        high, low = ((255 * pixels[:, 0, 0, place]).round().long() for place in (0, 1))
        return table[256 * high + low]

    return look_up


def build(logits: np.ndarray, membership: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> World:
    """Return the world of these logits: the first row of `logits` and of `membership` is the target's.

    Args:
        logits: models x (n + p) x classes, float64.
        membership: models x n.
        labels: n + p classes, the candidates' first.
    """
    n = membership.shape[1]
    answers = torch.from_numpy(logits).log_softmax(dim=2).numpy()
    target, *shadows = [Answers(rows[:n], rows[n:]) for rows in answers]
    models = [
        ShadowModel(members, lambda shadow=shadow: shadow, ask(shadow))
        for members, shadow in zip(membership[1:], shadows, strict=True)
    ]
    auxiliary = Auxiliary(numbered(labels[:n], first=0, seed=seed), numbered(labels[n:], first=n, seed=seed), models)
    return World(auxiliary, membership[0], target, answers[1:, :n], answers[1:, n:])


def balanced(random: np.random.Generator, models: int, n: int) -> np.ndarray:
    """Return a target's membership, and the shadow models', of which each image is in half."""
    half = np.arange(models) < models // 2
    return np.stack([np.arange(n) % 2 == 0, *np.stack([random.permutation(half) for _ in range(n)], axis=1)])


@pytest.fixture(scope="session")
def random_world() -> Callable[..., World]:
    """Return a function that makes a world in which logits are noise, and the true class's is often the largest."""

    def make(*, models: int = 12, candidates: int = 40, public: int = 30, classes: int = 5, seed: int = 0) -> World:
        random = np.random.default_rng(seed)
        labels = random.integers(0, classes, candidates + public)
        logits = 2 * random.normal(size=(models + 1, candidates + public, classes))
        logits[:, np.arange(len(labels)), labels] += 2
        return build(logits, balanced(random, models, candidates), labels, seed=seed)

    return make


@pytest.fixture(scope="session")
def planted_world() -> Callable[..., World]:
    """Return a function that makes a world in which the margin, the logit of p_y, is normal about an image's own mean.

    Its deviation is 1, and members lie `distance` higher. The means spread widely over images, far below zero, where
    log p_y is as good as the margin.
    """

    def make(
        *,
        distance: float,
        models: int = 64,
        candidates: int = 1_000,
        public: int = 500,
        classes: int = 4,
        spread: float = 5.0,
        seed: int = 0,
    ) -> World:
        random = np.random.default_rng(seed)
        images = candidates + public
        labels = random.integers(0, classes, images)
        membership = balanced(random, models, candidates)
        margins = random.normal(-30.0, spread, images) + random.normal(size=(models + 1, images))
        margins[:, :candidates] += distance * membership
        # The other classes share one, so that the true class's logit is the margin.
        logits = np.log(random.dirichlet(np.ones(classes - 1), (models + 1, images)))
        others = np.arange(classes) != labels[:, None]
        filled = np.empty((models + 1, images, classes))
        filled[:, others] = logits.reshape(models + 1, -1)
        filled[:, ~others] = margins
        return build(filled, membership, labels, seed=seed)

    return make
