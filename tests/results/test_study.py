"""The study's figures stand beside runs of the study's recipe only."""

import pytest

from privattack.results.study import comparable, deviations, study
from tests.made_up_results import typed

EXTRACTION, INFERENCE = {"published": {"fidelity": 0.9}}, {"published": {"accuracy": 0.6}}
NETWORKS = "privattack.models.networks."


@pytest.fixture
def run(make_result):
    def make(settings=None, attackers=EXTRACTION, **fields):
        return typed(make_result(attackers, settings, **{"data": "mnist", **fields})).run

    return make


@pytest.mark.parametrize("settings", [
    {}, {"target.network._target_": f"{NETWORKS}ConvNet"}, {"data.verify": True}, {"nonmembers.as_stored": True},
])  # fmt: skip
def test_the_studys_recipe_may_be_compared(run, settings):
    assert comparable(run(settings))
    assert comparable(run(settings, INFERENCE, budget=20_000, nonmembers="emnist"))


@pytest.mark.parametrize(("name", "value"), [
    ("target.train_size", 600), ("target.checkpoint", "mine.pth"), ("target.epochs", 5), ("target.lr", 0.5),
    ("target.gamma", 0.95), ("target.batch_size", 128), ("target.network._target_", f"{NETWORKS}MLP"),
    ("data.verify", False), ("data._target_", "mine.images"), ("defence._target_", "mine.Defence"),
])  # fmt: skip
def test_another_target_may_not(run, name, value):
    assert not comparable(run({name: value}))
    assert not comparable(run({name: value}, INFERENCE, budget=20_000, nonmembers="emnist"))


@pytest.mark.parametrize(("name", "value"), [
    ("surrogate.epochs", 5), ("surrogate.lr", 1e-2), ("surrogate.batch_size", 32),
    ("surrogate.network._target_", f"{NETWORKS}LeNet"),
])  # fmt: skip
def test_another_surrogate_may_not_where_there_is_one(run, name, value):
    assert not comparable(run({name: value}))
    assert comparable(run({name: value}, INFERENCE, budget=20_000, nonmembers="emnist"))


def test_a_defence_of_other_strength_may_not(run):
    fields = {"attackers": INFERENCE, "budget": 20_000, "nonmembers": "emnist", "defence": "flatten"}
    assert comparable(run(**fields))
    assert not comparable(run({"defence.low": 0.05}, **fields))


def test_what_differs_is_said_as_the_study_had_it(run):
    deviating = run({"target.epochs": 5, "target.train_size": 9, "target.network._target_": "mine.Net"})
    assert deviations(deviating) == {
        "target.network._target_": "LeNet or ConvNet", "target.train_size": "null", "target.epochs": "25"
    }  # fmt: skip


def test_a_class_in_the_place_of_a_defence_was_never_studied(run):
    assert study(run()) == ("fidelity", 0.8966)
    assert study(run({"defence._target_": "privattack.defences.flatten.Flatten"})) == ("", None)


def test_queries_from_another_pool_or_by_another_attack_may_not(run):
    assert comparable(run(pool="test"))
    other = run(pool="usps")
    assert not comparable(other)
    assert deviations(other) == {"pool": "test"}
    assert not comparable(run(attack="knockoff"))
