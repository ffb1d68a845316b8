"""Membership by labels of shifted and rotated copies.

Choquette-Choo et al. 2021, "Label-only membership inference attacks", section 3.3.
"""

import math
from collections.abc import Iterator
from typing import Annotated
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.attacks.membership.shadow import Ask, Auxiliary, ScoreAttack, ShadowModel
from privattack.attacks.membership.signals import Scores
from privattack.checks import Few, checked
from privattack.data.images import LabelledImages
from privattack.metrics import fit_threshold
from privattack.randomness import derive


@checked
class LabelOnlyAugmentation(ScoreAttack):
    """Learns from shadow models how the labels of an image's copies tell members from non-members.

    The score is the log-odds of a logistic regression on one bit for each copy: whether it still gets the right label.
    The paper's small network learns from as many bits; a linear model needs no tuning, and has few bits to combine.

    Args:
        shift: copies are moved by i pixels to the side and j down with |i| + |j| = `shift`, 0 to 27; 0 for no such.
        rotation: copies are turned by as many degrees to the left and to the right, 0 to 180; 0 for no such.
        shadow_models: how many of the shadow models teach it, the first ones: from 1 up.
    """

    name = "label_only_augmentation"

    def __init__(
        self,
        *,
        shift: Annotated[int, Field(ge=0, le=27)] = 1,
        rotation: Annotated[float, Field(ge=0, le=180)] = 9.0,
        shadow_models: Few = 4,
    ) -> None:
        self.shift = self.reach = shift
        self.rotation = rotation
        self.shadow_models = shadow_models
        self.moves = _moves(shift)
        self.turns = (rotation, -rotation) if rotation else ()
        self.queries = 1 + len(self.moves) + len(self.turns)
        self._asked: WeakKeyDictionary[ShadowModel, np.ndarray] = WeakKeyDictionary()

    def observe(self, ask: Ask, auxiliary: Auxiliary, *, seed: int) -> Bool[np.ndarray, "n views"]:
        """Ask about each candidate and its copies, one batch for each kind of copy."""
        return self._bits(ask, auxiliary.candidates)

    def rehearse(self, shadow: ShadowModel, auxiliary: Auxiliary, *, seed: int) -> Bool[np.ndarray, "n views"]:
        """Return what `observe` would, were `shadow` the target."""
        return self._shadow_bits(shadow, auxiliary.candidates)

    def infer(self, name: str, observed: Bool[np.ndarray, "n views"], auxiliary: Auxiliary, *, seed: int) -> Inference:
        """Return scores and decisions; see the base class.

        Few scores differ, so that most images tie with the threshold: it must come from the classifier that scores the
        target, and that has not learnt from the model that plays it.
        """
        number = derive(seed, "stand-in") % len(auxiliary.shadows)
        stand_in, others = auxiliary.shadows[number], auxiliary.without(number)
        rehearsed = self.score(self.rehearse(stand_in, others, seed=seed), others)
        scores = self.score(observed, others)
        return Inference(name, Knowledge.ADAPTIVE, scores, scores >= fit_threshold(rehearsed, stand_in.membership))

    def score(self, observed: Bool[np.ndarray, "n views"], auxiliary: Auxiliary) -> Scores:
        """Return the log-odds of membership; see the base class."""
        teachers = auxiliary.shadows[: self.shadow_models]
        bits = np.concatenate([self._shadow_bits(shadow, auxiliary.candidates) for shadow in teachers])
        members = np.concatenate([shadow.membership for shadow in teachers])
        learnt = LogisticRegression(max_iter=1_000).fit(bits, members)
        # Summed row by row: a matrix product may round equal rows differently.
        return np.where(observed, learnt.coef_, 0.0).sum(axis=1) + learnt.intercept_

    def _shadow_bits(self, shadow: ShadowModel, candidates: LabelledImages) -> Bool[np.ndarray, "n views"]:
        """Return a shadow model's bits, asked for once: many targets share the models of an audit."""
        if shadow not in self._asked:
            self._asked[shadow] = self._bits(shadow.ask, candidates)
        return self._asked[shadow]

    def _bits(self, ask: Ask, candidates: LabelledImages) -> Bool[np.ndarray, "n views"]:
        answers = (ask(view).argmax(dim=1) for view in self.views(candidates.pixels()))
        return np.stack([(answered == candidates.labels).numpy() for answered in answers], axis=1)

    def views(self, pixels: Float[Tensor, "n c h w"]) -> Iterator[Float[Tensor, "n c h w"]]:
        """Go through the images themselves, and their copies of each kind: first the shifted, then the rotated."""
        yield pixels
        for right, down in self.moves:
            yield pad(pixels, (right, -right, down, -down))
        for degrees in self.turns:
            yield rotate(pixels, degrees)


def rotate(pixels: Float[Tensor, "n c h w"], degrees: float) -> Float[Tensor, "n c h w"]:
    """Return images turned counter-clockwise about their centre, bilinear, the rest zero."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    height, width = pixels.shape[2:]
    # In these coordinates an image reaches from -1 to 1 along either axis.
    turn = torch.tensor([[[cosine, -sine * (height / width), 0.0], [sine * (width / height), cosine, 0.0]]])
    grid = affine_grid(turn, [1, 1, height, width], align_corners=False)
    # As channels of one image, all share one grid. Rounding may pass 1.
    channels = pixels.reshape(1, -1, height, width)
    return grid_sample(channels, grid, align_corners=False).view_as(pixels).clamp(0, 1)


def _moves(shift: int) -> list[tuple[int, int]]:
    """Return all (i, j) with |i| + |j| = shift; none for 0."""
    reach = range(-shift, shift + 1)
    return [(right, down) for right in reach for down in reach if abs(right) + abs(down) == shift > 0]
