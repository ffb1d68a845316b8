"""LiRA with a Bayesian estimate of the variance, BaVarIA (Brännvall 2026, arXiv 2603.11799).

From the paper: phi, the logit of p_y, is normal for each image and kind of model, trained on it or not, with a
conjugate normal-inverse-gamma prior on its mean and variance, in place of LiRA's switch between one variance and
many; the evidence is the ratio of what the posteriors predict, Student's t (BaVarIA-t) or a normal distribution with
a stabilised variance (BaVarIA-n); nothing is left to tune.

Chosen here, since the abstract, on which this file rests, does not say it: the prior's four numbers are fitted to all
images by the method of moments, for each kind by itself; BaVarIA-n is the normal distribution with the mean and
the variance of the Student's t; and offline the score is the log of the share of the prediction below phi, as LiRA's.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import gammaln, log_ndtr, stdtr

from privattack.attacks.membership.lira import SMALLEST_DEVIATION, Moments, moments
from privattack.attacks.membership.shadow import AnswerAttack, Answers, Auxiliary
from privattack.attacks.membership.signals import TINY, Scores, margin
from privattack.checks import checked

# A prior worth this many models is certain; more would change no figure.
CERTAIN = 1e4


@dataclass(frozen=True)
class Prior:
    """A normal-inverse-gamma prior: sigma^2 ~ IG(shape, scale), mu ~ N(mean, sigma^2 / weight)."""

    mean: float
    weight: float
    shape: float
    scale: float


@dataclass(frozen=True)
class Prediction:
    """Student's t for the phi of one more model, by its degrees of freedom, centre and scale, for each image."""

    freedom: Scores
    centre: Scores
    scale: Scores


@checked
class Bavaria(AnswerAttack):
    """Scores an image by the log of the ratio of the two predictions, or offline by the place of phi in one.

    An image of one kind only takes the prior's prediction for the other.

    Args:
        form: `t`, Student's t; or `n`, the normal distribution.
        online: whether models that were trained on an image are used.
    """

    def __init__(self, *, form: Literal["t", "n"] = "t", online: bool = True) -> None:
        self.form = form
        self.online = online
        self.name = "bavaria" if online else "bavaria_offline"

    def score(self, observed: Answers, auxiliary: Auxiliary) -> Scores:
        """Return the log of the ratio, or of the share below; see the base class."""
        target = margin(observed.candidates, auxiliary.candidates.labels.numpy())
        shadows, membership = auxiliary.signals(margin), auxiliary.membership
        outs = predict(moments(shadows, ~membership))
        if not self.online:
            return (_log_share_below_t if self.form == "t" else _log_share_below_normal)(target, outs)
        log_density = _log_density_t if self.form == "t" else _log_density_normal
        return log_density(target, predict(moments(shadows, membership))) - log_density(target, outs)


def fit_prior(observed: Moments) -> Prior:
    """Return the prior that has the moments of the observed means and variances.

    With d = n - 1 (its mean over images with n > 1), a sample variance has the squared coefficient of variation c^2,
    where 1 + c^2 = (1 + 2 / d) (1 + 1 / (shape - 2)); the variance of sample means is sigma^2 / weight + sigma^2 / n.
    """
    several, some = observed.count > 1, observed.count > 0
    count, means = observed.count[some], observed.centre[some]
    freedom = observed.count[several] - 1
    variances = observed.squares[several] / freedom
    variance = max(float(observed.squares.sum() / max(freedom.sum(), 1)), SMALLEST_DEVIATION**2)
    chance = 1 + 2 / freedom.mean() if several.any() else 1.0
    relative = (variances**2).mean() / variance**2 if several.any() else 1.0
    shape = 2 + 1 / max(relative / chance - 1, 1 / CERTAIN)
    between = means.var() - variance * (1 / count).mean() if some.any() else 0.0
    weight = variance / max(between, variance / CERTAIN)
    mean = float(means.mean()) if some.any() else 0.0
    return Prior(mean=mean, weight=float(weight), shape=float(shape), scale=float(variance * (shape - 1)))


def predict(observed: Moments) -> Prediction:
    """Return the posterior predictive distribution of each image's phi under one more model of the kind."""
    prior = fit_prior(observed)
    count = observed.count
    weight = prior.weight + count
    shape = prior.shape + count / 2
    off = prior.weight * count / weight * (observed.centre - prior.mean) ** 2
    scale = prior.scale + (observed.squares + off) / 2
    centre = (prior.weight * prior.mean + count * observed.centre) / weight
    return Prediction(2 * shape, centre, np.sqrt(scale * (weight + 1) / (shape * weight)))


def _log_density_t(values: Scores, of: Prediction) -> Scores:
    squared = ((values - of.centre) / of.scale) ** 2
    half = (of.freedom + 1) / 2
    constant = gammaln(half) - gammaln(of.freedom / 2) - np.log(np.pi * of.freedom) / 2 - np.log(of.scale)
    return constant - half * np.log1p(squared / of.freedom)


def _log_share_below_t(values: Scores, of: Prediction) -> Scores:
    z = (values - of.centre) / of.scale
    # The smaller tail is exact; floored, so that it is never zero.
    tail = np.maximum(stdtr(of.freedom, -np.abs(z)), TINY)
    return np.where(z > 0, np.log1p(-tail), np.log(tail))


def _standard_normal(values: Scores, of: Prediction) -> tuple[Scores, Scores]:
    deviation = of.scale * np.sqrt(of.freedom / (of.freedom - 2))
    return (values - of.centre) / deviation, deviation


def _log_density_normal(values: Scores, of: Prediction) -> Scores:
    z, deviation = _standard_normal(values, of)
    return -np.log(deviation) - z**2 / 2 - np.log(2 * np.pi) / 2


def _log_share_below_normal(values: Scores, of: Prediction) -> Scores:
    return log_ndtr(_standard_normal(values, of)[0])
