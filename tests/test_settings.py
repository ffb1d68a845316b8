import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from privattack.errors import UserError, shown
from privattack.settings import check
from tests.composing import composed

DEFAULTS = OmegaConf.to_container(composed(), resolve=True)


def with_value(name: str, value: object) -> dict:
    changed = copy.deepcopy(DEFAULTS)
    *path, last = name.split(".")
    place = changed
    for part in path:
        place = place[part]
    place[last] = value
    return changed


def test_the_settings_as_they_come_can_work():
    check(DEFAULTS)


@pytest.mark.parametrize("data", ["digits", "mnist", "usps", "emnist_digits", "emnist_letters"])
def test_every_data_sets_settings_can_work(data):
    check(OmegaConf.to_container(composed(f"data={data}", "attack=mia"), resolve=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", 0.5),
        ("seed", "zero"),
        ("seed", None),
        ("seed", True),
        ("budget", 0),
        ("budget", -3000),
        ("budget", 1000.0),
        ("budget", "many"),
        ("repetitions", 0),
        ("target.epochs", 0),
        ("target.epochs", 2.5),
        ("target.lr", 0),
        ("target.lr", math.nan),
        ("target.lr", math.inf),
        ("target.lr", "1e-3x"),
        ("target.gamma", 0),
        ("target.gamma", 1.01),
        ("target.batch_size", 0),
        ("target.train_size", 0),
        ("target.train_size", "all"),
        ("target.network", {"width": 3}),
        ("target.checkpoint", ""),
        ("target", "lenet"),
        ("shadow", 16),
        ("shadow.count", 3),
        ("shadow.count", 2**31),
        ("transfer", 1e30),
        ("transfer.epsilon", 1.5),
        ("budget", []),
        ("budget", [100, 0]),
        ("budget", 10**20),
        ("data", [None]),
        ("attack", None),
        ("attack._target_", 3),
        ("attack._partial_", 1e30),
        ("surrogate.network._convert_", "some"),
        ("surrogate.network._recursive_", None),
        ("defence.tiny", -math.inf),
        ("store", "a\0b"),
        ("trainer.progress", "yes"),
        ("trainer.accelerator", "tpu"),
        ("verbose", 1),
    ],
)
def test_a_value_that_cannot_work_is_named_with_its_setting_and_what_would(name, value):
    with pytest.raises(UserError) as caught:
        check(with_value(name, value))
    assert str(caught.value).startswith(f"{name}={shown(value)}: needs ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 0),
        ("budget", 1),
        ("budget", 12_345),
        ("target.gamma", 1),
        ("target.gamma", 0.7),
        ("target.train_size", None),
        ("target.train_size", 1),
        ("target.lr", 2),
        ("surrogate.lr", 1e-5),
    ],
)
def test_a_value_that_can_work_is_taken(name, value):
    check(with_value(name, value))


ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(value=ANYTHING)
def test_the_budget_is_a_whole_number_or_several_or_an_error_in_one_sentence(value):
    numbers = value if isinstance(value, list) else [value]
    if numbers and all(type(one) is int and 1 <= one <= 10**9 for one in numbers):
        check(with_value("budget", value))
    else:
        with pytest.raises(UserError, match=r"^budget=.*: needs a (list of whole numbers|whole number) from 1 (up|to)"):
            check(with_value("budget", value))


def test_a_bound_that_only_stops_absurd_numbers_is_named_to_who_went_past_it():
    with pytest.raises(UserError, match=r"^repetitions=0: needs a whole number from 1 up\.$"):
        check(with_value("repetitions", 0))
    with pytest.raises(UserError, match=r"^repetitions=100000000000000000000: needs a whole number from 1 to 10000\.$"):
        check(with_value("repetitions", 10**20))


@pytest.mark.parametrize(("section", "name"), [("", "budget"), ("target.", "epochs"), ("", "pool")])
def test_a_setting_that_is_missing_is_named(section, name):
    changed = copy.deepcopy(DEFAULTS)
    del (changed[section[:-1]] if section else changed)[name]
    with pytest.raises(UserError, match=rf"^{section}{name}: the setting is missing; leave it in, or give it a value"):
        check(changed)


def test_a_setting_that_is_not_known_is_named_with_those_that_are():
    with pytest.raises(UserError, match=r"^transfer\.steps: there is no such setting; .* epsilon, images\.$"):
        check(with_value("transfer.steps", 3))


def test_what_a_class_of_the_users_own_takes_is_left_to_it():
    check(with_value("attack", {"_target_": "mine.Attack", "of_its_own": [1, {"deeper": None}]}))
