"""Any value of any setting gives a sound run or one sentence: no traceback, no hang, no NaN in a result.

`PRIVATTACK_FUZZ=1500 pytest tests/test_fuzz.py` tries as many configurations, of every attack and defence, and says
what came of them.
"""

import copy
import json
import math
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from hydra.errors import HydraException
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from privattack.command_line.sentences import sentence
from privattack.errors import UserError
from privattack.experiment import prepare, run
from privattack.settings import check
from tests.composing import composed, options

QUICK = 100
TRIED = int(os.environ.get("PRIVATTACK_FUZZ", QUICK))
QUIET = profile(derandomize=TRIED == QUICK, deadline=None, database=None, suppress_health_check=list(HealthCheck))
COUNTS: Counter[str] = Counter()

FAST = ("data=digits", "target=mlp", "target.epochs=1", "target.train_size=60", "surrogate.epochs=1", "repetitions=1",
        "shadow.count=6", "shadow.processes=1", "trainer=cpu")  # fmt: skip
CHOICES = [
    ("attack=mea", "defence=flatten", "pool=noise", "transfer.epsilon=0.1"),
    ("attack=mia_suite", "defence=label_only"),
    ("attack=semisupervised", "pool=holdout", "budget=[20,50]", "attack.steps=3"),
    ("attack=label_only_boundary", "defence=flatten", "attack.queries=60", "budget=6000"),
    ("attack=mea_then_mia", "surrogate=target", "attack.candidates=80", "budget=50"),
]
if TRIED > QUICK:
    CHOICES += [
        (f"attack={attack}", f"defence={defence}") for attack in options("attack") for defence in ("none", "flatten")
    ]

WORDS = ["", "???", "${seed}", "${nowhere}", "${", "a\0b", "\ud800", "x\ny", "cpu", "true", "math.sqrt",
         "torch.nn.Identity", "builtins.dict", "privattack.models.networks.LeNet"]  # fmt: skip
KNOWN = ["uncertainty", "k_center", "both", "random", "adaptive", "difference", "rank", "per_image", "global",
         "auto", "median", "mean", "t", "n", "confidence", "entropy", "modified_entropy", "digits"]  # fmt: skip
INTEGERS = [-1, 0, 2**31, 2**63, 2**64, 10**20, 10**400]
NUMBERS = [-0.0, 1e-300, 1e-30, 1e-3, 0.5, 1.0, 1.5, 1e5, 1e30, 1e308, math.inf, -math.inf, math.nan]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from([*WORDS, *INTEGERS, *NUMBERS])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.integers() | st.sampled_from(["_target_", "network"]), inner, max_size=3)
    ),
    max_leaves=4,
)
SMALL = st.integers(0, 12) | st.sampled_from([20, 50, 60, 100])
REAL = st.floats(0, 2) | st.sampled_from([1e-30, 1e-7, 1e-3, 0.999, 10.0, 1e5, 1e30])
ATTACKERS = st.lists(st.sampled_from(["published", "adaptive", "no_query"]), min_size=1, max_size=3, unique=True)
NEW = ["extra", "_target_", "_partial_", "_recursive_", "_convert_", "_args_"]
Place = tuple[Any, ...]


def like(value: Any) -> st.SearchStrategy[Any]:
    """Return values of the same kind, of which many work."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int):
        return SMALL
    if isinstance(value, float):
        return REAL
    if isinstance(value, str):
        return st.sampled_from(KNOWN) if value in KNOWN else st.just(value)
    if isinstance(value, list):
        return ATTACKERS if value and isinstance(value[0], str) else st.lists(SMALL, min_size=1, max_size=3)
    return SMALL | REAL if value is None else st.just(value)


@cache
def plain(choice: tuple[str, ...]) -> dict[str, Any]:
    found = OmegaConf.to_container(composed(*FAST, *choice))
    assert isinstance(found, dict)
    return found


def places(config: Mapping[Any, Any], new: Sequence[str], path: Place = ()) -> Iterator[Place]:
    """Yield where there is a setting, at any depth, and where there may be a new one."""
    for name, value in config.items():
        yield (*path, name)
        if isinstance(value, Mapping):
            yield from places(value, new, (*path, name))
    yield from ((*path, name) for name in new)


def at(config: Any, path: Place) -> Any:
    for part in path:
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


@st.composite
def configurations(draw: st.DrawFn, values: Any, new: Sequence[str] = ()) -> dict[str, Any]:
    """Draw a composed configuration with one to three settings changed."""
    config = copy.deepcopy(plain(draw(st.sampled_from(CHOICES))))
    for _ in range(draw(st.integers(1, 3))):
        *path, name = draw(st.sampled_from(list(places(config, new))))
        at(config, tuple(path))[name] = draw(values(at(config, (*path, name))))
    return config


@contextmanager
def ended_within(seconds: int) -> Iterator[None]:
    """Interrupt what computes far longer than anything here can; a busy machine is no hang."""

    def stop(*_: object) -> None:
        raise AssertionError(f"still running after {seconds} seconds of computing")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def refused(error: Exception) -> None:
    said = sentence(error, [])
    assert said.strip()
    assert "\n" not in said
    COUNTS["sentences"] += 1


def alike_mostly(value: Any) -> st.SearchStrategy[Any]:
    return like(value) | like(value) | like(value) | SCALARS


@pytest.mark.parametrize(("values", "new"), [(lambda _: ANYTHING, NEW), (alike_mostly, [])], ids=["any", "alike"])
def test_any_value_of_any_setting_is_made_or_refused_in_one_sentence(values, new):
    @profile(QUIET, max_examples=TRIED // 2)
    @given(settings=configurations(values, new))
    def each(settings):
        COUNTS["tried"] += 1
        try:
            with ended_within(60):
                made = OmegaConf.create(settings)
                check(OmegaConf.to_container(made, resolve=True))  # type: ignore[arg-type]
                prepare(made)
        except (UserError, HydraException, OmegaConfBaseException) as error:
            refused(error)
        else:
            COUNTS["made"] += 1

    each()


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def test_what_passes_the_checks_runs_to_a_sound_result_or_one_sentence(tmp_path):
    @profile(QUIET, max_examples=TRIED // 20)
    @given(settings=configurations(like))
    def each(settings):
        COUNTS["runs tried"] += 1
        folder = tmp_path / f"run{COUNTS['runs tried']}"
        folder.mkdir()
        made = OmegaConf.create(settings)
        made.store = str(tmp_path / "store")
        names = {name: "fuzz" for name in ("attack", "defence", "data", "nonmembers", "pool")}
        try:
            with ended_within(300):
                check(OmegaConf.to_container(made, resolve=True))  # type: ignore[arg-type]
                run(made, names, folder)
        except (UserError, HydraException, OmegaConfBaseException) as error:
            refused(error)
            assert not (folder / "result.json").exists()
        else:
            COUNTS["runs ended"] += 1
            assert json.loads((folder / "result.json").read_text(), parse_constant=no_constant)["attackers"]

    each()


@pytest.fixture(scope="module", autouse=True)
def counts(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nfuzz: {dict(COUNTS)}")
