import math

import numpy as np
import pytest
from scipy.stats import norm, t

from privattack.attacks.membership.bavaria import Bavaria, fit_prior, predict
from privattack.attacks.membership.lira import moments
from privattack.attacks.membership.signals import margin
from privattack.errors import UserError


def prior_of(images):
    """Return mean, weight, shape and scale of the prior with the moments of all images' values, by loops."""
    means = [sum(values) / len(values) for values in images]
    squares = [sum((v - m) ** 2 for v in values) for values, m in zip(images, means, strict=True)]
    freedom = [len(values) - 1 for values in images]
    variance = sum(squares) / sum(freedom)
    second = np.mean([(s / d) ** 2 for s, d in zip(squares, freedom, strict=True)])
    heterogeneity = second / variance**2 / (1 + 2 / np.mean(freedom)) - 1  # 1 / (shape - 2)
    shape = 2 + 1 / max(heterogeneity, 1e-4)
    between = np.var(means) - variance * np.mean([1 / len(values) for values in images])
    return np.mean(means), variance / max(between, variance * 1e-4), shape, variance * (shape - 1)


def prediction(values, prior):
    """Return SciPy's Student's t after one update for each value, as Bayes' rule has it for a single observation."""
    mean, weight, shape, scale = prior
    for value in values:
        scale += weight * (value - mean) ** 2 / (2 * (weight + 1))
        mean = (weight * mean + value) / (weight + 1)
        weight += 1
        shape += 0.5
    return t(2 * shape, mean, math.sqrt(scale * (weight + 1) / (shape * weight)))


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("form", ["t", "n"])
def test_the_score_is_the_ratio_of_the_posterior_predictions(form, online, random_world):
    """Brännvall 2026, arXiv 2603.11799: normal-inverse-gamma, updated value by value; the prior by moments."""
    world = random_world()
    shadows, target = world.auxiliary.signals(margin), margin(world.target.candidates, world.labels)
    predictions = {}
    for kind in (True, False):
        images = [shadows[world.auxiliary.membership[:, image] == kind, image] for image in range(40)]
        predictions[kind] = [prediction(values, prior_of(images)) for values in images]
        if form == "n":
            predictions[kind] = [norm(student.mean(), student.std()) for student in predictions[kind]]
    if online:
        pairs = zip(target, predictions[True], predictions[False], strict=True)
        expected = [inside.logpdf(phi) - outside.logpdf(phi) for phi, inside, outside in pairs]
    else:
        expected = [outside.logcdf(phi) for phi, outside in zip(target, predictions[False], strict=True)]
    scores = Bavaria(form=form, online=online).score(world.target, world.auxiliary)
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-9)


def test_the_fitted_prior_is_the_one_that_images_were_drawn_from():
    random = np.random.default_rng(0)
    mean, weight, shape, scale = -3.0, 0.2, 6.0, 10.0
    variances = scale / random.gamma(shape, size=100_000)
    means = random.normal(mean, np.sqrt(variances / weight))
    values = random.normal(means, np.sqrt(variances), (8, 100_000))
    fitted = fit_prior(moments(values, np.ones(values.shape, dtype=bool)))
    assert fitted.mean == pytest.approx(mean, abs=0.05)
    assert fitted.weight == pytest.approx(weight, rel=0.05)
    assert fitted.shape == pytest.approx(shape, rel=0.1)
    assert fitted.scale == pytest.approx(scale, rel=0.1)


def test_few_models_share_a_variance_that_is_the_same_for_all_images():
    """Where LiRA has one variance below 64 models, this has it as far as images are alike."""
    values = np.random.default_rng(0).normal(0.0, 2.0, (4, 10_000))
    predicted = predict(moments(values, np.ones(values.shape, dtype=bool)))
    assert predicted.scale.std() < 0.05 * predicted.scale.mean()
    assert predicted.scale.mean() == pytest.approx(2.0, rel=0.05)


def test_many_models_give_each_image_the_variance_that_it_has():
    deviations = np.linspace(0.5, 5.0, 100)
    values = np.random.default_rng(0).normal(0.0, deviations, (20_000, 100))
    predicted = predict(moments(values, np.ones(values.shape, dtype=bool)))
    np.testing.assert_allclose(predicted.scale, deviations, rtol=0.03)


def test_a_form_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(UserError, match=r"^form=cauchy: needs one of t, n\."):
        Bavaria(form="cauchy")
