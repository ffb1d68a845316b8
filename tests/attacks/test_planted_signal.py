"""A membership signal of known strength is found at the strength it has, and where there is none, nothing is found.

The margin, the logit of p_y, is N(mu_x, 1) for a non-member x and N(mu_x + d, 1) for a member; mu_x differs widely.
An attacker who knows mu_x reaches the AUC Phi(d / sqrt(2)), and none can do better.
"""

import math

import pytest
from scipy.stats import norm

from privattack.attacks.membership.bavaria import Bavaria
from privattack.attacks.membership.calibrated import Calibrated
from privattack.attacks.membership.lira import Lira
from privattack.attacks.membership.loss import Loss
from privattack.attacks.membership.rmia import Rmia
from privattack.metrics import auc, balanced_accuracy

SPREAD = 5.0
COMPARING = {
    "calibrated": Calibrated(form="difference"),
    "attack_r": Calibrated(form="rank"),
    "lira": Lira(),
    "lira, global": Lira(variance="global", centre="mean"),
    "lira_offline": Lira(online=False),
    "rmia": Rmia(public=500),
    "bavaria": Bavaria(),
    "bavaria, n": Bavaria(form="n"),
    "bavaria_offline": Bavaria(online=False),
}


@pytest.fixture(scope="module", params=[0.5, 1.5, 2.5])
def leaking(planted_world, request):
    """Return a world with the distance between its members and others."""
    return planted_world(distance=request.param, spread=SPREAD), request.param


def near(measured, value, *, errors=3.0):
    standard_error = (measured.high - measured.low) / (2 * 1.96)
    return abs(measured.value - value) < errors * standard_error


@pytest.mark.parametrize("name", COMPARING)
def test_attacks_that_know_how_hard_an_image_is_find_all_there_is(name, leaking):
    world, distance = leaking
    scores = COMPARING[name].score(world.target, world.auxiliary)
    assert near(auc(scores, world.membership), norm.cdf(distance / math.sqrt(2)))


def test_the_loss_finds_what_is_left_among_hard_and_easy_images(leaking):
    world, distance = leaking
    measured = auc(Loss().score(world.target, world.auxiliary), world.membership)
    assert near(measured, norm.cdf(distance / math.sqrt(2 * (1 + SPREAD**2))))
    assert measured.value < auc(Lira().score(world.target, world.auxiliary), world.membership).value - 0.05


def test_decisions_are_as_right_as_the_best_threshold_allows(leaking):
    """Halfway between the two means, Phi(d / 2) of both kinds are told right."""
    world, distance = leaking
    [inference] = Lira(variance="global").run(world.service(), world.auxiliary, seed=0)
    assert near(balanced_accuracy(inference.decisions, world.membership), norm.cdf(distance / 2))


def test_few_models_find_less_and_bavaria_loses_least(planted_world):
    world = planted_world(distance=2.0, models=6, candidates=4_000, public=1)
    found = {
        name: auc(attack.score(world.target, world.auxiliary), world.membership).value
        for name, attack in {"bavaria": Bavaria(), "lira": Lira(variance="per_image")}.items()
    }
    assert found["lira"] + 0.03 < found["bavaria"] < norm.cdf(2.0 / math.sqrt(2))
