import inspect
import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from privattack.checks import Count, Few, PathText, Positive, PositiveShare, Seed, Share, checked
from privattack.errors import SettingError, UserError, shown


@checked
class Example:
    """Says what it is about."""

    def __init__(
        self,
        *,
        count: Count = 1,
        few: Few | None = None,
        seed: Seed = 0,
        small: Annotated[int, Field(ge=0, le=16)] = 0,
        step: PositiveShare = 0.1,
        share: Share = 0.5,
        scale: Positive = 1.0,
        quantile: Annotated[float, Field(gt=0, lt=1)] = 0.9,
        least: Annotated[float, Field(ge=1e-6)] = 1.0,
        form: Literal["difference", "rank"] = "rank",
        switch: bool = False,
        path: PathText = "here",
        network: Callable[..., object] = dict,
        forms: Annotated[Sequence[Literal["difference", "rank"]], Field(min_length=1)] = ("rank",),
        named: Count | Annotated[list[Count], Field(min_length=1, description="some numbers")] = 1,
        told: Annotated[float, Field(gt=0, description="a number that pleases")] = 1.0,
    ) -> None:
        self.settings = {name: value for name, value in locals().items() if name != "self"}


@pytest.mark.parametrize(
    ("setting", "value", "needed"),
    [
        ("count", 0, "a whole number from 1 up"),
        ("count", True, "a whole number from 1 up"),
        ("count", "5", "a whole number from 1 up"),
        ("count", 2.0, "a whole number from 1 up"),
        ("count", None, "a whole number from 1 up"),
        ("count", 10**20, "a whole number from 1 to 1000000000"),
        ("few", 0, "a whole number from 1 up, or null"),
        ("few", 10**20, "a whole number from 1 to 10000, or null"),
        ("seed", -1, "a whole number from 0 up"),
        ("seed", 2**63, f"a whole number from 0 to {2**63 - 1}"),
        ("small", -1, "a whole number from 0 to 16"),
        ("step", 0, "a number above 0, up to 1"),
        ("step", math.nan, "a number above 0, up to 1"),
        ("share", 1.1, "a number from 0 to 1"),
        ("scale", math.inf, "a number above 0"),
        ("scale", 1e300, "a number above 0, up to 1e+38"),
        ("scale", 10**400, "a number above 0"),
        ("quantile", 1.0, "a number above 0 and below 1"),
        ("least", 0.0, "a number from 1e-06 up"),
        ("form", "ratio", "one of difference, rank"),
        ("form", None, "one of difference, rank"),
        ("form", ["rank"], "one of difference, rank"),
        ("switch", 1, "true or false"),
        ("path", "", "a path"),
        ("path", "a\0b", "a path"),
        ("path", "\ud800", "a path"),
        ("network", False, "a _target_, the name of a class, and its settings"),
        ("forms", "rank", "a list of one or more of difference, rank"),
        ("forms", [], "a list of one or more of difference, rank"),
        ("forms", ["rank", None], "a list of one or more of difference, rank"),
        ("told", -1, "a number that pleases"),
        ("named", 0, "a whole number from 1 up"),
        ("named", [], "some numbers"),
    ],
)
def test_a_setting_that_cannot_work_is_named_with_its_value_and_what_would(setting, value, needed):
    with pytest.raises(SettingError) as caught:
        Example(**{setting: value})
    assert str(caught.value) == f"{setting}={shown(value)}: needs {needed}."


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("count", 10**9),
        ("few", None),
        ("step", 1),
        ("share", 0),
        ("switch", True),
        ("named", [3, 1]),
        ("forms", ["rank"]),
        ("path", "ä b"),
    ],
)
def test_a_setting_that_can_work_arrives_as_it_is(setting, value):
    assert Example(**{setting: value}).settings[setting] == value


def test_a_checked_class_stays_what_it_was():
    assert (Example.__name__, Example.__doc__) == ("Example", "Says what it is about.")
    assert inspect.signature(Example).parameters["count"].default == 1
    assert isinstance(Example(), Example)


def test_settings_that_are_missing_or_unknown_are_pythons_own_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'cuont'"):
        Example(cuont=1)  # type: ignore[call-arg]


def test_a_class_that_inherits_its_constructor_inherits_the_checks():
    class Heir(Example):
        pass

    with pytest.raises(SettingError, match=r"^count=0: "):
        Heir(count=0)


def test_data_classes_and_functions_are_checked_alike():
    @checked
    @dataclass(frozen=True, kw_only=True)
    class Record:
        seed: Seed

    @checked
    def read(*, root: PathText) -> str:
        return root

    assert (Record(seed=3).seed, read(root="x")) == (3, "x")
    with pytest.raises(SettingError, match=r"^seed=-1: needs a whole number from 0 up\.$"):
        Record(seed=-1)
    with pytest.raises(SettingError, match=r"^root=null: needs a path\.$"):
        read(root=None)  # type: ignore[arg-type]


def test_what_a_constructor_itself_meets_is_not_mistaken_for_a_setting():
    class Inner(BaseModel):
        count: int

    @checked
    def outer(*, count: Count) -> Inner:
        return Inner(count="no number")  # type: ignore[arg-type]

    with pytest.raises(ValidationError, match="Inner"):
        outer(count=1)


def test_a_sentence_says_where_in_the_settings_the_class_stands_and_survives_the_way_to_another_process():
    error = SettingError({"low": 0.2, "high": None}, "need numbers with 0 <= low <= high").under("defence")
    sentence = "defence.low=0.2, defence.high=null: need numbers with 0 <= low <= high."
    assert str(error) == str(pickle.loads(pickle.dumps(error))) == sentence
    assert isinstance(error, UserError)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1e30, "1e+30"),
        ("mea", "mea"),
        ("two\nlines", r"'two\nlines'"),
        ([1, None, [False]], "[1, null, [false]]"),
        ({"a": None}, "{a: null}"),
        (Example(), "Example"),
        ("x" * 1000, "x" * 97 + "..."),
    ],
)
def test_values_are_shown_as_the_command_line_writes_them_in_one_line(value: Any, text: str):
    assert shown(value) == text
