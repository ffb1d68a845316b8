"""Runs that differ in any setting are called differently, and no difference is said twice."""

import pytest

from privattack.results.naming import attributes, label, option, varying
from tests.made_up_results import typed

ATTACKERS = {"adaptive": {"fidelity": 0.5}}
INFERRING = {"adaptive": {"accuracy": 0.5}}


@pytest.fixture
def run(make_result):
    def make(settings=None, attackers=ATTACKERS, **fields):
        return typed(make_result(attackers, settings, **fields)).run

    return make


@pytest.mark.parametrize("name", [
    "surrogate.epochs", "target.epochs", "target.train_size", "target.gamma", "target.checkpoint", "attack.lam",
    "shadow.count", "defence.low",
])  # fmt: skip
def test_any_setting_that_differs_is_named(run, name):
    runs = [run({name: value}) for value in (5, 7)]
    assert varying(runs) == [name]
    assert [label(one, [name]) for one in runs] == [f"{name} 5", f"{name} 7"]


def test_a_network_is_named_by_its_class(run):
    networks = [f"privattack.models.networks.{name}" for name in ("MLP", "LeNet")]
    assert varying([run({"surrogate.network._target_": network}) for network in networks]) == ["surrogate"]
    assert varying([run({"target.network._target_": network}) for network in networks]) == ["target"]


@pytest.mark.parametrize("name", [
    "store", "verbose", "trainer.accelerator", "trainer.progress", "surrogate.accelerator", "data.root",
    "nonmembers.root", "data.download", "data.verify", "data.cache", "default_budget.extraction",
])  # fmt: skip
def test_what_changes_no_figure_is_not_named(run, name):
    assert varying([run({name: value}, INFERRING) for value in ("this", "that")]) == []


def test_a_setting_that_follows_another_is_not_named_again(run):
    assert varying([run(seed=seed, defence="flatten") for seed in (0, 1)]) == ["seed"]
    assert varying([run({"target.epochs": epochs}) for epochs in (5, 7)]) == ["target.epochs"]  # and shadow.epochs
    assert varying([run(budget=budget) for budget in (5, 7)]) == ["budget"]


def test_a_copy_that_was_set_apart_is_named(run):
    settings = [{"target.epochs": 5, "shadow.epochs": epochs} for epochs in (5, 7)]
    assert varying(map(run, settings)) == ["shadow.epochs"]
    fixed = [run({"target.seed": 0}, seed=seed) for seed in (0, 1)]
    assert varying(fixed) == ["seed"]


def test_another_defence_says_all_that_lies_below_it(run):
    runs = [run(defence=name) for name in ("none", "label_only", "flatten")]
    assert varying(runs) == ["defence"]
    runs.append(run({"defence.low": 0.05}, defence="flatten"))
    assert varying(runs) == ["defence", "defence.low"]
    assert [label(one, varying(runs)) for one in runs] == [
        "none", "label_only", "flatten, defence.low 0.09", "flatten, defence.low 0.05"
    ]  # fmt: skip


def test_what_comes_with_an_attack_or_a_data_set_is_said_by_it(run):
    preset = {"target.train_size": 600, "target.gamma": 0.95}
    assert varying([run(data="mnist"), run(preset, data="digits")]) == ["data"]
    assert varying([run(), run({"attack.gamma": 2}, attack="rmia")]) == ["attack"]


def test_a_setting_paired_with_a_budget_or_a_defence_is_named_beside_it(run):
    assert varying([run({"surrogate.epochs": 5}, budget=5), run(budget=9)]) == ["budget", "surrogate.epochs"]
    assert varying([run({"target.epochs": 5}), run(defence="flatten")]) == ["defence", "target.epochs"]


def test_an_attack_taken_out_of_a_suite_is_one_difference(run):
    lira = {"attack.attacks.lira._target_": "privattack.attacks.membership.lira.Lira", "attack.attacks.lira.online": 1}
    assert varying([run(lira), run()]) == ["attack.attacks.lira._target_"]


def test_null_and_false_are_told_from_what_is_set(run):
    runs = [run({"target.train_size": size, "defence.fresh": size is None}) for size in (None, 600)]
    assert label(runs[0], varying(runs)) == "target.train_size null, defence.fresh true"
    assert label(runs[1], varying(runs)) == "target.train_size 600, defence.fresh false"


def test_non_members_matter_to_membership_inference_only(run):
    as_stored = [{"nonmembers.as_stored": value} for value in (False, True)]
    assert varying(map(run, as_stored)) == []
    runs = [run(one, INFERRING) for one in as_stored]
    assert varying(runs) == ["as_stored"]
    assert label(runs[1], ["as_stored"]) == "as stored"


def test_results_from_before_a_class_was_moved_are_not_told_apart(run):
    runs = [{"nonmembers._target_": f"privattack.data.{module}.Usps"} for module in ("nonmembers", "image_sources")]
    assert varying([run(one, INFERRING, nonmembers="usps") for one in runs]) == []


@pytest.mark.parametrize(("chosen", "path", "shown"), [
    ("none", "privattack.defences.none.NoDefence", "none"),
    ("label_only", "privattack.defences.label_only.LabelOnly", "label_only"),
    ("none", "privattack.defences.flatten.Flatten", "none (Flatten)"),
    ("none", "mine.none.None_", "none (None_)"),
    ("flatten", "privattack.defences.none.NoDefence", "flatten (NoDefence)"),
])  # fmt: skip
def test_a_class_in_the_place_of_the_chosen_one_is_named(run, chosen, path, shown):
    assert option(run({"defence._target_": path}, defence=chosen), "defence") == shown


@pytest.mark.parametrize(("chosen", "path", "shown"), [
    ("mnist", "privattack.data.sources.mnist", "mnist"),
    ("emnist_letters", "privattack.data.sources.emnist", "emnist_letters"),
    ("mnist", "mine.mnist", "mnist (mnist)"),
])  # fmt: skip
def test_images_in_the_place_of_the_chosen_ones_are_named(run, chosen, path, shown):
    assert attributes(run({"data._target_": path}, data=chosen))["data"] == shown
