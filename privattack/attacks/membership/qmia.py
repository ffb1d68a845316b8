"""Quantile regression (Bertran et al. 2023, "Scalable membership inference attacks via quantile regression")."""

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import Field
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import Scores, hinge
from privattack.checks import MOST, checked
from privattack.data.images import LabelledImages
from privattack.errors import UserError

FEWEST = 50  # public images, as many as principal components
ROWS = 2_000  # images whose pixels are held as numbers at once


@checked
class Qmia(AnswerAttack):
    """Scores an image by how far z_y - max over i != y of z_i lies above the quantile expected of a non-member like it.

    One regression model predicts that quantile from the image. It learns, by the pinball loss, from what the same
    model answers about public images, none of which is a member; so no shadow model is needed, except the one that
    plays the target for the threshold. It is gradient boosting on 50 principal components of the pixels, where the
    paper fine-tunes a network: what a thousand images can teach.

    Args:
        quantile: which quantile is predicted, above 0 and below 1: one less the false positive rate aimed at.
        public: how many public images it learns from, from 50 up; each takes a query.

    Raises:
        UserError: when scoring, there are too few public images.
    """

    name = "qmia"
    least_shadows = 2

    def __init__(
        self,
        *,
        quantile: Annotated[float, Field(gt=0, lt=1)] = 0.9,
        public: Annotated[int, Field(ge=FEWEST, le=MOST)] = 1_000,
    ) -> None:
        self.quantile = quantile
        self.public = public
        self.least_public = FEWEST

    @threadpool_limits.wrap(limits=1)  # so small a task is far slower in several threads
    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return the margin less its predicted quantile; see the base class."""
        if len(auxiliary.public) < FEWEST:
            raise UserError(
                f"attack.public={self.public}: there are {len(auxiliary.public)} public images, and {FEWEST} are "
                "needed; use data with a larger test part."
            )
        labels = auxiliary.public.labels.numpy()
        taught = hinge(observed.public, labels)[: self.public]
        images = _pixels(auxiliary.public)[: self.public]
        components = PCA(FEWEST, svd_solver="covariance_eigh").fit(images)
        regression = _learn(components.transform(images), taught, self.quantile)
        parts = [
            LabelledImages(*both)
            for both in zip(
                auxiliary.candidates.images.split(ROWS), auxiliary.candidates.labels.split(ROWS), strict=True
            )
        ]
        predicted = [regression.predict(components.transform(_pixels(part))) for part in parts]
        return hinge(observed.candidates, auxiliary.candidates.labels.numpy()) - np.concatenate(predicted)


def _learn(
    components: Float[np.ndarray, "rows components"], taught: Float[np.ndarray, " rows"], quantile: float
) -> HistGradientBoostingRegressor:
    # Small trees and slow steps: a high quantile of few images is soon learnt by heart, and then exceeded too often.
    return HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        learning_rate=0.05,
        max_leaf_nodes=3,
        min_samples_leaf=len(taught) // 10,
        early_stopping=False,
        random_state=0,
    ).fit(components, taught)


def _pixels(images: LabelledImages) -> Float[np.ndarray, "n numbers"]:
    return images.pixels().flatten(1).numpy()
