import dataclasses
import math
import statistics

import numpy as np
import pytest
import torch
from scipy.stats import norm

from privattack.attacks.membership.lira import Lira, shift
from privattack.attacks.membership.shadow import Answers, Auxiliary, ShadowModel
from privattack.attacks.membership.signals import margin
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.service import Service


def logit(log_probabilities, label):
    p = math.exp(log_probabilities[label])
    return math.log(p) - math.log(sum(math.exp(v) for place, v in enumerate(log_probabilities) if place != label))


def phis(world):
    """Return phi of every image under the target, and under the models that saw it and that did not."""
    images = []
    for image, label in enumerate(world.labels):
        kinds = {True: [], False: []}
        for model, shadow in enumerate(world.auxiliary.shadows):
            kinds[bool(shadow.membership[image])].append(logit(world.log_probabilities[model, image], label))
        images.append((logit(world.target.candidates[image], label), kinds))
    return images


def expected(world, *, online, variance, centre):
    middle = {"mean": statistics.fmean, "median": statistics.median}[centre]
    images = phis(world)
    pooled = {}
    for kind in (True, False):
        squares = [sum((v - middle(kinds[kind])) ** 2 for v in kinds[kind]) for _, kinds in images]
        pooled[kind] = sum(squares) / sum(len(kinds[kind]) - 1 for _, kinds in images)
    scores = []
    for phi, kinds in images:
        log_density = {}
        for kind, values in kinds.items():
            own = sum((v - middle(values)) ** 2 for v in values) / (len(values) - 1)
            deviation = math.sqrt(own if variance == "per_image" else pooled[kind])
            log_density[kind] = norm.logpdf(phi, middle(values), deviation)
            below = norm.logcdf(phi, middle(values), deviation)
        scores.append(log_density[True] - log_density[False] if online else below)
    return scores


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("variance", ["per_image", "global"])
@pytest.mark.parametrize("centre", ["mean", "median"])
def test_the_score_is_the_papers(online, variance, centre, random_world):
    """Carlini et al. 2022, algorithm 1 and its offline form, by loops and SciPy's normal distribution."""
    world = random_world()
    attack = Lira(online=online, variance=variance, centre=centre)
    reference = expected(world, online=online, variance=variance, centre=centre)
    np.testing.assert_allclose(attack.score(world.target, world.auxiliary), reference, rtol=1e-9)


@pytest.mark.parametrize(("models", "variance"), [(58, "global"), (60, "per_image"), (64, "per_image")])
def test_images_have_variances_of_their_own_from_64_models_less_two_pairs_that_play_the_target(
    models, variance, random_world
):
    world = random_world(models=models)
    chosen, automatic = (Lira(variance=setting).score(world.target, world.auxiliary) for setting in (variance, "auto"))
    np.testing.assert_array_equal(automatic, chosen)


def without_kind(world, image, kind):
    """Return what the attacker holds with the shadow models all of the other kind for one image."""
    shadows = []
    for shadow in world.auxiliary.shadows:
        membership = shadow.membership.copy()
        membership[image] = not kind
        shadows.append(dataclasses.replace(shadow, membership=membership, _signals={}))
    return Auxiliary(world.auxiliary.candidates, world.auxiliary.public, shadows)


@pytest.mark.parametrize("kind", [True, False])
def test_an_image_of_one_kind_takes_the_other_centre_at_the_mean_distance(kind, planted_world):
    world = planted_world(distance=2.0, models=16, candidates=300)
    auxiliary = without_kind(world, 0, kind)
    score = Lira(variance="global").score(world.target, auxiliary)[0]
    centre = np.median(auxiliary.signals(margin)[:, 0])
    phi = margin(world.target.candidates, world.labels)[0]
    low, high = (centre, centre + 2) if kind else (centre - 2, centre)
    assert score == pytest.approx(norm.logpdf(phi, high) - norm.logpdf(phi, low), abs=0.6)


def test_shifts_go_right_left_down_up_by_one_pixel_then_by_two():
    images = torch.zeros(1, 1, 28, 28)
    images[0, 0, 5, 10] = 1.0
    found = [shift(images, number).squeeze().nonzero().tolist() for number in range(8)]
    assert found == [[[5, 11]], [[5, 9]], [[6, 10]], [[4, 10]], [[5, 12]], [[5, 8]], [[7, 10]], [[3, 10]]]
    edge = torch.ones(1, 1, 28, 28)
    assert shift(edge, 0)[0, 0, :, 0].sum() == 0
    assert shift(edge, 0).sum() == 28 * 27


def linear_models(make_images, *, shadows):
    """Return an attacker's random linear models, which see where in the image the light is, and one more as target."""
    candidates, nobody = make_images(30), make_images(1).take(torch.arange(0))
    random = torch.Generator().manual_seed(0)
    models = []
    for _ in range(shadows + 1):
        weights = torch.randn(784, 10, generator=random) / 10
        models.append(lambda pixels, weights=weights: (pixels.flatten(1) @ weights).log_softmax(dim=1))
    membership = [np.random.default_rng(number).random(30) < 0.5 for number in range(shadows)]
    shadow_models = [
        ShadowModel(
            members,
            lambda model=model: Answers(model(candidates.pixels()).double().numpy(), np.empty((0, 10))),
            model,
        )
        for members, model in zip(membership, models, strict=False)
    ]
    return Auxiliary(candidates, nobody, shadow_models), models[-1]


def test_the_score_of_shifted_copies_is_the_sum_over_the_views(make_images):
    """Carlini et al. 2022, equation 5 with a diagonal covariance: each view scored as a candidate of its own."""
    auxiliary, target = linear_models(make_images, shadows=8)
    attack = Lira(augmentations=3)
    service = Service(target, NoDefence(), budget=attack.queries * 30)
    [inference] = attack.run(service, auxiliary, seed=0)
    assert (service.images, service.remaining, attack.queries) == (120, 0, 4)
    total = np.zeros(30)
    for view in range(4):
        pixels = auxiliary.candidates.pixels() if view == 0 else shift(auxiliary.candidates.pixels(), view - 1)

        def answers(model, pixels=pixels):
            return Answers(model(pixels).double().numpy(), np.empty((0, 10)))

        shadows = [
            ShadowModel(shadow.membership, lambda ask=shadow.ask, answers=answers: answers(ask), shadow.ask)
            for shadow in auxiliary.shadows
        ]
        total += Lira().score(answers(target), Auxiliary(auxiliary.candidates, auxiliary.public, shadows))
    np.testing.assert_allclose(inference.scores, total, rtol=1e-5, atol=1e-5)
    assert not np.allclose(total, Lira().run(Service(target, NoDefence(), budget=30), auxiliary, seed=0)[0].scores)


def test_each_shadow_model_is_asked_about_the_copies_once(make_images):
    auxiliary, target = linear_models(make_images, shadows=4)
    asked = [0] * 4

    def counting(number, shadow):
        def ask(pixels):
            asked[number] += 1
            return shadow.ask(pixels)

        return dataclasses.replace(shadow, ask=ask)

    shadows = [counting(number, shadow) for number, shadow in enumerate(auxiliary.shadows)]
    Lira(augmentations=2).run(
        Service(target, NoDefence(), budget=90), Auxiliary(auxiliary.candidates, auxiliary.public, shadows), seed=0
    )
    assert asked == [2] * 4


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"variance": "own"}, r"^variance=own: needs one of auto, per_image, global\."),
        ({"centre": "mode"}, r"^centre=mode: needs one of median, mean\."),
        ({"augmentations": -1}, r"^augmentations=-1: needs a whole number from 0 to 16\."),
        ({"augmentations": 17}, r"^augmentations=17: needs a whole number from 0 to 16\."),
    ],
)
def test_settings_that_cannot_work_are_refused(setting, message):
    with pytest.raises(UserError, match=message):
        Lira(**setting)
