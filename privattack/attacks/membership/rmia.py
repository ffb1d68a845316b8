"""The robust attack, RMIA (Zarifzadeh et al. 2024, "Low-cost high-power membership inference attacks")."""

import math

import numpy as np
from jaxtyping import Bool, Float

from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import TINY, Scores, loss
from privattack.checks import Count, Positive, Share, checked
from privattack.errors import UserError


@checked
class Rmia(AnswerAttack):
    """Scores an image by the share of public images u with [p_y(x) / p(x)] / [p_y(u) / p(u)] > gamma.

    p_y is the target's probability of the true class and p its mean over reference models, the shadow models.
    Online, p(x) gives models trained on x and others the same weight, however many of each there are; where there is
    only one kind, p(x) is its mean. Offline, p(x) = ((1 + a) mean_out + (1 - a)) / 2, where mean_out is over the
    models not trained on x (over all, where all were). No model was trained on a public image: p(u) is the mean over
    all of them.

    Args:
        online: whether models that were trained on an image are used.
        gamma: how much likelier x must be than u, above 0.
        a: offline, how much of its p_y a model loses that was not trained on an image: 0 to 1, where 1 is nothing.
        public: how many public images the image is compared with, from 1 up; each takes a query.

    Raises:
        UserError: when scoring, there is no public image.
    """

    def __init__(self, *, online: bool = True, gamma: Positive = 2.0, a: Share = 0.3, public: Count = 1_000) -> None:
        self.online = online
        self.gamma = gamma
        self.a = a
        self.public = public
        self.least_public = 1
        self.name = "rmia" if online else "rmia_offline"

    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return the share of public images that x beats; see the base class."""
        if len(auxiliary.public) == 0:
            raise UserError(f"attack.public={self.public}: there is no public image; use data with a larger test part.")
        shadows = auxiliary.public_signals(loss)[:, : self.public]
        of_public = loss(observed.public, auxiliary.public.labels.numpy())[: self.public]
        of_public -= _log_mean(shadows, np.ones(shadows.shape, dtype=bool))
        scores = loss(observed.candidates, auxiliary.candidates.labels.numpy()) - self._log_p(auxiliary)
        beaten = np.searchsorted(np.sort(of_public), scores - math.log(self.gamma), side="left")
        return beaten / len(of_public)

    def _log_p(self, auxiliary: Auxiliary) -> Scores:
        shadows, membership = auxiliary.signals(loss), auxiliary.membership
        none_in, none_out = ~membership.any(axis=0), membership.all(axis=0)
        mean_out = _log_mean(shadows, ~membership | none_out)
        if self.online:
            mean_in = _log_mean(shadows, membership | none_in)
            return np.logaddexp(mean_in, mean_out) - math.log(2)
        return np.log(np.maximum(((1 + self.a) * np.exp(mean_out) + (1 - self.a)) / 2, TINY))


def _log_mean(log_p: Float[np.ndarray, "models n"], of_kind: Bool[np.ndarray, "models n"]) -> Scores:
    """Return the log of the mean of p over the models of one kind, of which each image has one or more."""
    of_kind_only = np.where(of_kind, log_p, -np.inf)
    highest = of_kind_only.max(axis=0)
    return highest + np.log(np.exp(of_kind_only - highest).sum(axis=0) / of_kind.sum(axis=0))
