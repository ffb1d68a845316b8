"""Membership inference with shadow models: what the attacker holds, and what every such attack is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from privattack import metrics
from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.attacks.membership.signals import Scores, Signal
from privattack.data.images import LabelledImages
from privattack.defences.base import Reveals
from privattack.randomness import derive
from privattack.service import Service

# Pixels in [0, 1], (n, c, h, w), to log-probabilities (n, classes): a service's query, or a model of the attacker's.
Ask = Callable[[Tensor], Tensor]


IMPOSSIBLE = -1_000.0  # log-probability
# Attacks that follow each other in a suite share at most a signal of the candidates and one of the public images.
KEPT_SIGNALS = 3


@dataclass(frozen=True)
class Answers:
    """What one model answers about the images of an audit: log-probabilities."""

    candidates: Float[np.ndarray, "n classes"]
    public: Float[np.ndarray, "p classes"]


@dataclass(frozen=True, eq=False)
class ShadowModel:
    """A model that the attacker trained as the target was trained, behind the target's defence.

    Attributes:
        membership: which candidates it was trained on.
        answers: returns its answers about the auxiliary images, float64; kept in memory between calls only where
            a defence distorts them.
        ask: asks it about any images, which costs no query.
    """

    membership: Bool[np.ndarray, " n"]
    answers: Callable[[], Answers]
    ask: Ask
    _signals: dict[tuple[Signal, str], Scores] = field(default_factory=dict, repr=False)

    def signal(self, signal: Signal, part: str, labels: np.ndarray) -> Scores:
        """Return the signal for the `candidates` or the `public` images; the last few are kept."""
        if (signal, part) not in self._signals:
            if len(self._signals) == KEPT_SIGNALS:
                del self._signals[next(iter(self._signals))]
            self._signals[signal, part] = signal(getattr(self.answers(), part), labels)
        return self._signals[signal, part]


@dataclass(frozen=True)
class Auxiliary:
    """All that an attacker with shadow models holds.

    Attributes:
        candidates: the images whose membership is in question, n of them.
        public: images that the target was certainly not trained on, p of them; empty where the attack needs none.
        shadows: the attacker's models, in pairs: the second of each was trained on the candidates that the first was
            not.
    """

    candidates: LabelledImages
    public: LabelledImages
    shadows: Sequence[ShadowModel]
    _pixels: dict[str, Float[Tensor, "_ c h w"]] = field(default_factory=dict, repr=False)

    def pixels(self, part: str) -> Float[Tensor, "_ c h w"]:
        """Return the `candidates` or the `public` images as a service takes them, made once."""
        if part not in self._pixels:
            self._pixels[part] = getattr(self, part).pixels()
        return self._pixels[part]

    @cached_property
    def membership(self) -> Bool[np.ndarray, "models n"]:
        """Which candidates each shadow model was trained on."""
        return np.stack([shadow.membership for shadow in self.shadows])

    def signals(self, signal: Signal) -> Float[np.ndarray, "models n"]:
        """Return a signal of every shadow model for every candidate."""
        labels = self.candidates.labels.numpy()
        return np.stack([shadow.signal(signal, "candidates", labels) for shadow in self.shadows])

    def public_signals(self, signal: Signal) -> Float[np.ndarray, "models p"]:
        """Return a signal of every shadow model for every public image."""
        labels = self.public.labels.numpy()
        return np.stack([shadow.signal(signal, "public", labels) for shadow in self.shadows])

    def without(self, number: int) -> "Auxiliary":
        """Return the same without one of its shadow models and without the other of its pair.

        The other was trained on what the one was not. If it stayed, a candidate that the one was trained on would be
        in one model less than the others, and numbers of models would tell what no answer does.
        """
        pair = {number, number ^ 1}
        return replace(self, shadows=[shadow for place, shadow in enumerate(self.shadows) if place not in pair])


class ShadowAttack(ABC):
    """Gives each candidate a membership score, with the help of shadow models.

    Attributes:
        queries: how many queries each candidate takes.
        public: how many public images are asked about, too.
        least_public: how few of those it can work with.
        least_shadows: how many shadow models it needs; the pair counts of which one plays the target.
        reach: by how many pixels it shifts images at most.
    """

    reach: int = 0
    queries: int = 1
    public: int = 0
    least_public: int = 0
    least_shadows: int = 4

    @abstractmethod
    def run(self, service: Service, auxiliary: Auxiliary, *, seed: int) -> list[Inference]:
        """Run the attack once. The budget holds `queries` for each candidate and one for each public image."""


class ScoreAttack(ShadowAttack):
    """One attack, one score for each candidate. An author writes `observe` and `score`.

    The threshold comes from a shadow model that plays the target, never from the target's own members.

    Attributes:
        name: names the attacker in results; a suite gives names of its own.
    """

    name: str

    def run(self, service: Service, auxiliary: Auxiliary, *, seed: int) -> list[Inference]:
        """Run the attack once; see the base class."""
        return [self.infer(self.name, self.observe(listener(service), auxiliary, seed=seed), auxiliary, seed=seed)]

    def infer(self, name: str, observed: Any, auxiliary: Auxiliary, *, seed: int) -> Inference:
        """Return scores, and decisions by the threshold that is best for a shadow model in the target's place."""
        number = derive(seed, "stand-in") % len(auxiliary.shadows)
        stand_in = auxiliary.shadows[number]
        others = auxiliary.without(number)
        rehearsed = self.score(self.rehearse(stand_in, others, seed=seed), others)
        threshold = metrics.fit_threshold(rehearsed, stand_in.membership)
        scores = self.score(observed, auxiliary)
        return Inference(name, Knowledge.ADAPTIVE, scores, scores >= threshold)

    @abstractmethod
    def observe(self, ask: Ask, auxiliary: Auxiliary, *, seed: int) -> Any:
        """Ask about the candidates, never past the budget; return what `score` needs of the answers."""

    def rehearse(self, shadow: ShadowModel, auxiliary: Auxiliary, *, seed: int) -> Any:
        """Return what `observe` would, were `shadow` the target."""
        return self.observe(shadow.ask, auxiliary, seed=seed)

    @abstractmethod
    def score(self, observed: Any, auxiliary: Auxiliary) -> Scores:
        """Return a score for each candidate, float64, never NaN, higher = more likely a member.

        Args:
            observed: what `observe` returned of the target, or of a shadow model that plays it.
            auxiliary: the images, and the shadow models that do not play the target.
        """


class AnswerAttack(ScoreAttack):
    """An attack that asks once about each image: in a suite, many share a transcript. An author writes `score`.

    Attributes:
        scores_alone: whether a score uses the answer about its image and nothing else.
    """

    scores_alone: bool = False

    def observe(self, ask: Ask, auxiliary: Auxiliary, *, seed: int) -> Answers:
        return plain_answers(ask, auxiliary)

    def rehearse(self, shadow: ShadowModel, auxiliary: Auxiliary, *, seed: int) -> Answers:
        return shadow.answers()

    @abstractmethod
    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return a score for each candidate; see the base class."""


def plain_answers(ask: Ask, auxiliary: Auxiliary) -> Answers:
    """Ask once about each candidate and each public image."""
    return Answers(*(ask(auxiliary.pixels(part)).double().numpy() for part in ("candidates", "public")))


def listener(service: Service) -> Ask:
    """Return the service's query, with what tells nothing left out of its responses."""
    return lambda pixels: told(service.query(pixels), service.reveals)


def told(responses: Float[Tensor, "n classes"], reveals: Reveals) -> Float[Tensor, "n classes"]:
    """Return what of responses tells anything: an attacker who knows that only the label is true drops the rest.

    Logarithms stay finite where a defence answers a probability of 0.
    """
    if reveals is Reveals.SCORES:
        return responses.clamp(min=IMPOSSIBLE)
    certain = torch.full_like(responses, 1e-7)
    certain.scatter_(1, responses.argmax(dim=1, keepdim=True), 1.0)
    return (certain / certain.sum(dim=1, keepdim=True)).log()
