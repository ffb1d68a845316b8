"""The attacker who never asks: what pixels alone tell about who is a member."""

import hashlib

import numpy as np
from jaxtyping import Bool, Float
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Candidates, Inference
from privattack.data.images import LabelledImages
from privattack.randomness import derive

KEPT = 50  # what is remembered: the repetitions of a few jobs of a sweep
_done: dict[bytes, Inference] = {}


def blind_inference(candidates: Candidates) -> Inference:
    """Tell members from non-members by a logistic regression on 50 principal components of their pixels.

    Every membership inference is shown beside it: where it succeeds, members and non-members come from
    different data sets, and no attack's success can be taken for membership.
    """
    # The same candidates come again with every defence, and a blind attacker does not notice.
    key = hashlib.blake2b(candidates.known_membership.tobytes())
    for part in (candidates.known, candidates.unknown):
        key.update(part.images.numpy().tobytes())
    if key.digest() not in _done:
        if len(_done) == KEPT:
            del _done[next(iter(_done))]
        _done[key.digest()] = _infer(candidates)
    return _done[key.digest()]


def _infer(candidates: Candidates) -> Inference:
    known, unknown = (
        part.images.flatten(1).numpy().astype(np.float32) / 255 for part in (candidates.known, candidates.unknown)
    )
    classifier = make_pipeline(
        _principal(len(known)),
        StandardScaler(),
        LogisticRegression(max_iter=1_000),
    ).fit(known, candidates.known_membership)
    scores = classifier.decision_function(unknown).astype(np.float64)
    return Inference("blind", Knowledge.BLIND, scores, classifier.predict(unknown))


def cross_fitted(images: LabelledImages, membership: Bool[np.ndarray, " n"], *, seed: int) -> Inference:
    """Do the same where all images are in question: fitted on one half, judged on the other, and the other way round.

    The halves hold members and non-members in equal shares. The components are those of all images: they know
    nothing of membership.
    """
    features = _components(images)
    scores, decisions = np.zeros(len(images)), np.zeros(len(images), dtype=bool)
    halves = StratifiedKFold(2, shuffle=True, random_state=derive(seed, "blind") % 2**32)
    for fitted, judged in halves.split(features, membership):
        classifier = LogisticRegression(max_iter=1_000).fit(features[fitted], membership[fitted])
        scores[judged] = classifier.decision_function(features[judged])
        decisions[judged] = classifier.predict(features[judged])
    return Inference("blind", Knowledge.BLIND, scores, decisions, cross_fitted=True)


_last: list[tuple[LabelledImages, Float[np.ndarray, "n components"]]] = []


def _components(images: LabelledImages) -> Float[np.ndarray, "n components"]:
    """Return the principal components, kept for the next call: many targets are audited by the same images."""
    if not _last or _last[0][0] is not images:
        pixels = images.images.flatten(1).numpy().astype(np.float32) / 255
        reduced = make_pipeline(_principal(len(pixels)), StandardScaler()).fit_transform(pixels)
        _last[:] = [(images, reduced.astype(np.float64))]
    return _last[0][1]


def _principal(images: int) -> PCA:
    return PCA(min(50, images), svd_solver="full" if images < 1_000 else "covariance_eigh")
