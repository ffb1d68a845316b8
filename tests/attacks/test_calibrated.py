import dataclasses

import numpy as np
import pytest

from privattack.attacks.membership.calibrated import Calibrated
from privattack.attacks.membership.shadow import Auxiliary
from privattack.errors import UserError


def compared_with(world, image, label):
    """Return log p_y of the shadow models that did not see the image."""
    return [
        world.log_probabilities[model, image, label]
        for model, shadow in enumerate(world.auxiliary.shadows)
        if not shadow.membership[image]
    ]


def test_the_difference_is_to_the_mean_of_models_that_did_not_see_the_image(random_world):
    """Watson et al. 2022, difficulty calibration: the loss less its mean over such models, by loops."""
    world = random_world()
    expected = []
    for image, label in enumerate(world.labels):
        others = compared_with(world, image, label)
        expected.append(world.target.candidates[image, label] - sum(others) / len(others))
    np.testing.assert_allclose(Calibrated(form="difference").score(world.target, world.auxiliary), expected, rtol=1e-10)


def test_the_rank_is_the_share_of_those_models_with_a_lower_log_probability(random_world):
    """Ye et al. 2022, attack R: one less the p-value among models that did not see the image, by loops."""
    world = random_world()
    expected = []
    for image, label in enumerate(world.labels):
        others = compared_with(world, image, label)
        expected.append(sum(other < world.target.candidates[image, label] for other in others) / len(others))
    scores = Calibrated(form="rank").score(world.target, world.auxiliary)
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    assert len(set(scores)) == 7  # of six models, none to all lie below


def test_ties_count_half(random_world):
    world = random_world()
    shadow = world.auxiliary.shadows[0]
    copies = [dataclasses.replace(shadow, answers=lambda: world.target, _signals={})] * 3
    scores = Calibrated(form="rank").score(
        world.target, Auxiliary(world.auxiliary.candidates, world.auxiliary.public, copies)
    )
    np.testing.assert_array_equal(scores, 0.5)


@pytest.mark.parametrize("form", ["difference", "rank"])
def test_an_image_that_every_model_saw_is_compared_with_all(form, random_world):
    world = random_world()
    shadows = [
        dataclasses.replace(shadow, membership=shadow.membership | (np.arange(40) == 0), _signals={})
        for shadow in world.auxiliary.shadows
    ]
    score = Calibrated(form=form).score(
        world.target, Auxiliary(world.auxiliary.candidates, world.auxiliary.public, shadows)
    )[0]
    all_models = world.log_probabilities[:, 0, world.labels[0]]
    own = world.target.candidates[0, world.labels[0]]
    np.testing.assert_allclose(score, own - all_models.mean() if form == "difference" else (all_models < own).mean())


def test_a_form_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(UserError, match=r"^form=ratio: needs one of difference, rank\."):
        Calibrated(form="ratio")
