"""The robust attack, RMIA (Zarifzadeh et al. 2024, "Low-cost high-power membership inference attacks")."""

import math

import numpy as np

from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import Scores, log_mean, loss
from privattack.checks import Count, Positive, Share, checked
from privattack.errors import UserError


@checked
class Rmia(AnswerAttack):
    """Scores an image by the share of public images u with [p_y(x) / p(x)] / [p_y(u) / p(u)] > gamma.

    p_y is the target's probability of the true class and p its mean over reference models, the shadow models.
    Online, p(x) gives models trained on x and others the same weight, however many of each there are; where there is
    only one kind, p(x) is its mean. Offline, p(x) = ((1 + a) mean_out + (1 - a)) / 2, where mean_out is over the
    models not trained on x (over all, where all were). No model was trained on a public image: p(u) is the mean over
    all of them, offline with the same correction, as in the authors' code (ml_privacy_meter).

    Args:
        online: whether models that were trained on an image are used.
        gamma: how much likelier x must be than u, above 0. The authors' code compares with 1; at 2, which the paper
            names too, few easy images beat any, and most of them tie.
        a: offline, how much of its p_y a model loses that was not trained on an image: 0 to 1, where 1 is nothing.
        public: how many public images the image is compared with, from 1 up; each takes a query.

    Raises:
        UserError: when scoring, there is no public image.
    """

    def __init__(self, *, online: bool = True, gamma: Positive = 1.0, a: Share = 0.3, public: Count = 1_000) -> None:
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
        of_public = loss(observed.public, auxiliary.public.labels.numpy())[: self.public]
        mean_out = log_mean(auxiliary.public_signals(loss)[:, : self.public])
        of_public -= mean_out if self.online else self._corrected(mean_out)
        scores = loss(observed.candidates, auxiliary.candidates.labels.numpy()) - self._log_p(auxiliary)
        beaten = np.searchsorted(np.sort(of_public), scores - math.log(self.gamma), side="left")
        return beaten / len(of_public)

    def _log_p(self, auxiliary: Auxiliary) -> Scores:
        shadows, membership = auxiliary.signals(loss), auxiliary.membership
        none_in, none_out = ~membership.any(axis=0), membership.all(axis=0)
        mean_out = log_mean(shadows, ~membership | none_out)
        if not self.online:
            return self._corrected(mean_out)
        return log_mean(np.stack([log_mean(shadows, membership | none_in), mean_out]))

    def _corrected(self, mean_out: Scores) -> Scores:
        """Return the log of ((1 + a) mean_out + (1 - a)) / 2, which keeps its digits next to 1."""
        return mean_out if self.a == 1 else np.log1p((1 + self.a) / 2 * np.expm1(mean_out))
