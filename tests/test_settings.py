import copy
import math
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from privattack.errors import UserError
from privattack.settings import RULES, check

CONF = str(Path(__file__).parents[1] / "conf")


def composed(*overrides: str) -> dict:
    with initialize_config_dir(CONF, version_base="1.3"):
        return OmegaConf.to_container(compose("config", overrides=list(overrides)), resolve=True)


DEFAULTS = composed()


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
    check(composed(f"data={data}", "attack=mia"))


@pytest.fixture(scope="module")
def attacks() -> list[dict]:
    return [
        composed(f"{group}={option.stem}")
        for group in ("attack", "pool")
        for option in (Path(CONF) / group).glob("*.yaml")
    ]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_about_a_setting_that_some_option_has(name, attacks):
    def has(place: dict) -> bool:
        for part in name.split("."):
            if part not in place:
                return False
            place = place[part]
        return True

    assert any(map(has, attacks))


@pytest.mark.parametrize("override", ["attack.online=yes_please", "attack.augmentations=1.5", "attack.variance=wide"])
def test_an_attacks_own_settings_are_checked(override):
    name, _, value = override.partition("=")

    def make(settings: dict) -> None:
        check(settings)
        instantiate(settings["attack"])

    with pytest.raises((UserError, InstantiationException), match=f"{name}={value}: needs"):
        make(composed("attack=lira", override))


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
        ("surrogate.epochs", 0),
        ("surrogate.lr", -1e-3),
        ("surrogate.lr", True),
        ("surrogate.batch_size", 64.0),
        ("surrogate.network", {"width": 3}),
        ("attack.steps", 1.5),
        ("attack.doublings", -1),
        ("trainer.progress", "yes"),
        ("verbose", 1),
        ("data.download", None),
    ],
)
def test_a_value_that_cannot_work_is_named_with_its_setting_and_what_would(name, value):
    with pytest.raises(UserError) as caught:
        check(with_value(name, value))
    shown = "null" if value is None else value
    assert str(caught.value).startswith(f"{name}={shown}: needs ")
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


@given(value=st.one_of(st.none(), st.booleans(), st.floats(), st.text(), st.lists(st.integers())))
def test_the_budget_is_a_whole_number_or_an_error_in_one_sentence(value):
    with pytest.raises(UserError, match="budget="):
        check({"budget": value})


def test_a_setting_that_is_not_there_is_no_mistake():
    check({})
    check(
        {
            "target": {"network": {"_target_": "torch.nn.Identity"}},
            "data": {"_target_": "privattack.data.sources.digits"},
        }
    )


def test_a_folder_of_settings_replaced_by_a_word_is_left_to_hydra():
    check({"target": "lenet"})
