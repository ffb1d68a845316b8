import dataclasses

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor

from privattack.attacks.membership.qmia import Qmia
from privattack.attacks.membership.shadow import Auxiliary
from privattack.errors import UserError


def hinge(log_probabilities, label):
    return log_probabilities[label] - max(v for place, v in enumerate(log_probabilities) if place != label)


def test_the_score_is_the_hinge_less_its_quantile_for_such_an_image(random_world):
    """Bertran et al. 2023: a pinball regression of the public images' score, by scikit-learn, images one by one."""
    world = random_world(public=120)
    scores = Qmia(quantile=0.8, public=100).score(world.target, world.auxiliary)
    public = world.auxiliary.public.images[:100].reshape(100, -1).numpy().astype(np.float32) / 255
    taught = [hinge(world.target.public[u], label) for u, label in enumerate(world.public_labels[:100])]
    components = PCA(50, svd_solver="covariance_eigh").fit(public)
    regression = HistGradientBoostingRegressor(
        loss="quantile", quantile=0.8, learning_rate=0.05, max_leaf_nodes=3, min_samples_leaf=10
    )
    regression.fit(components.transform(public), taught)
    for image, label in enumerate(world.labels):
        pixels = world.auxiliary.candidates.images[image].reshape(1, -1).numpy().astype(np.float32) / 255
        expected = hinge(world.target.candidates[image], label) - regression.predict(components.transform(pixels))[0]
        assert scores[image] == pytest.approx(expected, rel=1e-6)


def test_the_quantile_is_exceeded_as_often_as_asked_by_images_like_the_public_ones(random_world):
    world = random_world(models=1, candidates=2_000, public=1_000)
    for quantile in (0.5, 0.9):
        above = Qmia(quantile=quantile).score(world.target, world.auxiliary) > 0
        assert above.mean() == pytest.approx(1 - quantile, abs=0.05)


def test_the_quantile_follows_the_image(random_world):
    """Where a class of images is harder, a low score is no sign of a non-member."""
    world = random_world(models=1, candidates=400, public=1_000)

    def bright(images):
        images.images[:, :, 10:14] //= 1 + 7 * (images.labels % 2)[:, None, None, None].to(images.images.dtype)

    bright(world.auxiliary.candidates), bright(world.auxiliary.public)

    def easier(log_probabilities, labels):
        raised = log_probabilities.copy()
        raised[np.arange(len(labels)), labels] += 20.0 * (labels % 2 == 0)
        return raised

    target = dataclasses.replace(
        world.target,
        candidates=easier(world.target.candidates, world.labels),
        public=easier(world.target.public, world.public_labels),
    )
    scores = Qmia().score(target, world.auxiliary)
    easy = world.labels % 2 == 0
    assert abs(scores[easy].mean() - scores[~easy].mean()) < 2


def test_it_needs_no_shadow_model(random_world):
    world = random_world(public=60)
    alone = Auxiliary(world.auxiliary.candidates, world.auxiliary.public, [])
    np.testing.assert_array_equal(
        Qmia(public=60).score(world.target, alone), Qmia(public=60).score(world.target, world.auxiliary)
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"quantile": 0.0}, r"^quantile=0\.0: needs a number above 0 and below 1\."),
        ({"quantile": 1.0}, r"^quantile=1\.0: needs a number above 0 and below 1\."),
        ({"public": 49}, r"^public=49: needs a whole number from 50 up\."),
    ],
)
def test_settings_that_cannot_work_are_refused(setting, message):
    with pytest.raises(UserError, match=message):
        Qmia(**setting)


def test_too_few_public_images_to_learn_from_are_refused(random_world):
    world = random_world(public=49)
    with pytest.raises(UserError, match=r"attack\.public=1000: there are 49 public images, and 50 are needed"):
        Qmia().run(world.service(), world.auxiliary, seed=0)
