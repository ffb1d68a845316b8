import dataclasses

import numpy as np
import pytest

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.gap import Gap
from privattack.attacks.membership.lira import Lira
from privattack.attacks.membership.loss import Loss
from privattack.attacks.membership.mia import MembershipInference
from privattack.attacks.membership.qmia import Qmia
from privattack.attacks.membership.rmia import Rmia
from privattack.attacks.membership.suite import Suite
from privattack.errors import UserError
from tests.composing import composed, made

NAMES = sorted(composed("attack=mia_suite").attack.attacks)


@pytest.fixture(scope="module")
def world(random_world):
    return random_world(public=60)


@pytest.fixture(scope="module")
def suite():
    return made("attack", "attack=mia_suite")


@pytest.fixture(scope="module")
def inferences(suite, world):
    """Return what the suite of `conf/` finds."""
    return suite.run(world.service(), world.auxiliary, seed=0)


def test_the_members_have_the_names_of_their_options(inferences):
    assert sorted(inference.name for inference in inferences) == sorted(NAMES)
    assert {inference.knowledge for inference in inferences} == {Knowledge.ADAPTIVE}


@pytest.mark.parametrize("name", NAMES)
def test_each_attack_says_in_the_suite_what_it_says_alone(name, suite, inferences, world):
    [alone] = suite.attacks[name].run(world.service(), world.auxiliary, seed=0)
    [within] = [inference for inference in inferences if inference.name == name]
    np.testing.assert_array_equal(within.scores, alone.scores)
    np.testing.assert_array_equal(within.decisions, alone.decisions)
    assert alone.name == name


def test_a_setting_of_one_member_is_its_own():
    suite = made("attack", "attack=mia_suite", "attack.attacks.rmia.gamma=3.0", "attack.attacks.lira.variance=global")
    assert (suite.attacks["rmia"].gamma, suite.attacks["rmia_offline"].gamma) == (3.0, 1.0)
    assert (suite.attacks["lira"].variance, suite.attacks["lira_offline"].variance) == ("global", "auto")


def test_a_smaller_suite_has_other_names_if_one_likes(world):
    suite = Suite(attacks={"yeom": Loss(), "carlini": Lira()})
    assert [inference.name for inference in suite.run(world.service(), world.auxiliary, seed=0)] == ["yeom", "carlini"]


def test_it_needs_what_its_most_demanding_attack_needs():
    suite = Suite(attacks={"loss": Loss(), "rmia": Rmia(public=300), "qmia": Qmia(public=70)})
    assert (suite.queries, suite.public, suite.least_shadows) == (1, 300, 4)
    few = Suite(attacks={"gap": Gap(), "loss": Loss()})
    assert (few.queries, few.public, few.least_shadows) == (1, 0, 2)


@pytest.mark.parametrize("name", NAMES)
def test_so_few_shadow_models_are_enough(name, suite, random_world):
    attack = suite.attacks[name]
    world = random_world(models=max(attack.least_shadows, 2), public=60)
    auxiliary = dataclasses.replace(world.auxiliary, shadows=world.auxiliary.shadows[: attack.least_shadows])
    [inference] = attack.run(world.service(), auxiliary, seed=0)
    assert np.isfinite(inference.scores).all()


@pytest.mark.parametrize(
    "attack", [Lira(augmentations=2), MembershipInference()], ids=lambda attack: type(attack).__name__
)
def test_an_attack_with_queries_of_its_own_is_refused(attack):
    with pytest.raises(UserError, match=rf"^attacks\.mine={type(attack).__name__}: needs an attack that asks"):
        Suite(attacks={"loss": Loss(), "mine": attack})


def test_no_attacks_are_refused():
    with pytest.raises(UserError, match=r"^attacks=\{\}: needs one attack or more"):
        Suite(attacks={})
