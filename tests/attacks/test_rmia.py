import dataclasses
import math

import numpy as np
import pytest

from privattack.attacks.membership.rmia import Rmia
from privattack.attacks.membership.shadow import Auxiliary
from privattack.errors import UserError


def mean(values):
    return sum(values) / len(values)


def p(world, image, label, *, kind):
    return [
        math.exp(world.log_probabilities[model, image, label])
        for model, shadow in enumerate(world.auxiliary.shadows)
        if shadow.membership[image] == kind
    ]


def expected(world, *, online, gamma, a, public):
    scores = []
    for image, label in enumerate(world.labels):
        mean_in, mean_out = (mean(p(world, image, label, kind=kind)) for kind in (True, False))
        p_x = (mean_in + mean_out) / 2 if online else ((1 + a) * mean_out + (1 - a)) / 2
        ratio_x = math.exp(world.target.candidates[image, label]) / p_x
        beaten = 0
        for u, other in list(enumerate(world.public_labels))[:public]:
            p_u = mean([math.exp(answers[u, other]) for answers in world.public_log_probabilities])
            p_u = p_u if online else ((1 + a) * p_u + (1 - a)) / 2
            ratio_u = math.exp(world.target.public[u, other]) / p_u
            beaten += ratio_x / ratio_u > gamma
        scores.append(beaten / public)
    return scores


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize(("gamma", "a", "public"), [(2.0, 0.3, 30), (1.0, 1.0, 30), (0.5, 0.0, 7)])
def test_the_score_is_the_share_of_public_images_that_are_beaten(online, gamma, a, public, random_world):
    """Zarifzadeh et al. 2024: the pairwise likelihood ratio and the offline approximation of p(x), by loops."""
    world = random_world()
    scores = Rmia(online=online, gamma=gamma, a=a, public=public).score(world.target, world.auxiliary)
    np.testing.assert_array_equal(scores, expected(world, online=online, gamma=gamma, a=a, public=public))
    assert 0 < scores.mean() < 1


def test_members_and_others_weigh_the_same_however_many_of_each_there_are(random_world):
    world = random_world()
    lopsided = [
        dataclasses.replace(shadow, membership=np.full(40, number < 3), _signals={})
        for number, shadow in enumerate(world.auxiliary.shadows)
    ]
    auxiliary = Auxiliary(world.auxiliary.candidates, world.auxiliary.public, lopsided)
    reference = expected(dataclasses.replace(world, auxiliary=auxiliary), online=True, gamma=1.0, a=0.3, public=30)
    np.testing.assert_array_equal(Rmia().score(world.target, auxiliary), reference)


@pytest.mark.parametrize("kind", [True, False])
@pytest.mark.parametrize("online", [True, False])
def test_an_image_of_one_kind_takes_the_mean_over_that_kind(online, kind, random_world):
    world = random_world()
    shadows = [
        dataclasses.replace(shadow, membership=np.full(40, kind), _signals={}) for shadow in world.auxiliary.shadows
    ]
    scores = Rmia(online=online).score(
        world.target, Auxiliary(world.auxiliary.candidates, world.auxiliary.public, shadows)
    )
    for image, label in enumerate(world.labels):
        p_all = mean([math.exp(answers[image, label]) for answers in world.log_probabilities])
        p_x = p_all if online else (1.3 * p_all + 0.7) / 2
        ratios = []
        for u, other in enumerate(world.public_labels):
            p_u = mean([math.exp(answers[u, other]) for answers in world.public_log_probabilities])
            p_u = p_u if online else (1.3 * p_u + 0.7) / 2
            ratios.append(math.exp(world.target.public[u, other]) / p_u)
        own = math.exp(world.target.candidates[image, label]) / p_x
        assert scores[image] == mean([own / ratio > 1 for ratio in ratios])


def test_probabilities_that_vanish_leave_scores_that_are_numbers(random_world):
    world = random_world()
    tiny = [
        dataclasses.replace(
            shadow,
            answers=lambda: dataclasses.replace(world.target, candidates=world.target.candidates - 1e4),
            _signals={},
        )
        for shadow in world.auxiliary.shadows
    ]
    auxiliary = Auxiliary(world.auxiliary.candidates, world.auxiliary.public, tiny)
    for attack in (Rmia(), Rmia(online=False), Rmia(online=False, a=1.0)):
        assert np.isfinite(attack.score(world.target, auxiliary)).all()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"gamma": 0.0}, r"^gamma=0\.0: needs a number above 0\."),
        ({"gamma": math.inf}, r"^gamma=inf: needs a number above 0\."),
        ({"a": 1.5}, r"^a=1\.5: needs a number from 0 to 1\."),
        ({"public": 0}, r"^public=0: needs a whole number from 1 up\."),
    ],
)
def test_settings_that_cannot_work_are_refused(setting, message):
    with pytest.raises(UserError, match=message):
        Rmia(**setting)


def test_without_a_public_image_there_is_nothing_to_compare_with(random_world):
    world = random_world(public=0)
    with pytest.raises(UserError, match=r"attack\.public=1000: there is no public image"):
        Rmia().run(world.service(), world.auxiliary, seed=0)
