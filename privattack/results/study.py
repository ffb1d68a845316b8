"""The original study's figures, each of a single run, to stand beside ours."""

from typing import Any

from privattack.results.naming import attributes, flat, option, pool_of
from privattack.results.result import Job

# (attack, defence) -> the metric that the study calls success, and what it published.
PUBLISHED: dict[tuple[str, str], tuple[str, float]] = {
    ("mea", "none"): ("fidelity", 0.8966),
    ("mea", "label_only"): ("fidelity", 0.6744),
    ("mia", "none"): ("accuracy", 0.6927),
    ("mia", "flatten"): ("accuracy", 0.4953),
}
# The settings at which the study measured them.
SETTINGS: dict[str, dict[str, Any]] = {
    "mea": {"data": "mnist", "budget": 3_000},
    "mia": {"data": "mnist", "budget": 20_000, "nonmembers": "emnist"},
}
# Its recipe, by dotted name, with every value that deserves the name. Whether it kept EMNIST transposed, as the files
# have it, is not known: `as_stored` may be either.
TARGET: dict[str, tuple[Any, ...]] = {
    "data.verify": (True,),
    "target.network._target_": ("privattack.models.networks.LeNet", "privattack.models.networks.ConvNet"),
    "target.train_size": (None,),
    "target.checkpoint": (None,),
    "target.members": (None,),
    "target.epochs": (25,),
    "target.lr": (1.0,),
    "target.gamma": (0.7,),
    "target.batch_size": (64,),
    "target.optimizer._target_": (None,),
    "target.flips": (False,),
    "target.crop": (0,),
    "target.precision": ("float32",),
    "victim.url": (None,),
}
SURROGATE: dict[str, tuple[Any, ...]] = {
    "surrogate.network._target_": ("privattack.models.networks.MLP",),
    "surrogate.epochs": (10,),
    "surrogate.lr": (1e-3,),
    "surrogate.batch_size": (64,),
}
# What is meant where a result does not say it: not every source has files to verify, older results had fewer settings.
ABSENT: dict[str, Any] = {
    "data.verify": True,
    "target.members": None,
    "target.optimizer._target_": None,
    "target.flips": False,
    "target.crop": 0,
    "target.precision": "float32",
    "victim.url": None,
}
POOL = "test"  # where its extraction took the queries from
DEFENCES: dict[str, dict[str, tuple[Any, ...]]] = {
    "label_only": {"defence.tiny": (1e-7,)},
    "flatten": {"defence.low": (0.09,), "defence.high": (0.10,)},
}


def study(run: Job) -> tuple[str, float | None]:
    """Return the metric and the figure that the study published for a run's attack and defence, or ("", None)."""
    return PUBLISHED.get((run.attack, option(run, "defence") or ""), ("", None))


def comparable(run: Job) -> bool:
    """Say whether the study published a figure for what a run did as the study did."""
    if study(run)[1] is None or deviations(run):
        return False
    named = attributes(run)
    return all(named[name] == value for name, value in SETTINGS[run.attack].items())


def deviations(run: Job) -> dict[str, str]:
    """Return the settings of the study's recipe that a run does not have, as the study had them."""
    settings = ABSENT | flat(run.config)
    recipe = TARGET | (SURROGATE if run.attack == "mea" else {}) | DEFENCES.get(run.defence, {})
    deviating = {
        name: " or ".join("null" if value is None else str(value).rsplit("networks.", 1)[-1] for value in accepted)
        for name, accepted in recipe.items()
        if name not in settings or settings[name] not in accepted
    }
    elsewhere = run.attack == "mea" and pool_of(run) != POOL
    return deviating | ({"pool": POOL} if elsewhere else {})
