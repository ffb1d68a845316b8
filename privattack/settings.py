"""What the values of settings must be, checked before anything is loaded, trained or written."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from privattack.errors import UserError

Rule = tuple[Callable[[Any], bool], str]


def _whole(low: int, *, most: int | None = None, optional: bool = False) -> Rule:
    def fits(value: Any) -> bool:
        if value is None:
            return optional
        return type(value) is int and low <= value and (most is None or value <= most)

    upper = "up" if most is None else f"to {most}"
    return fits, f"a whole number from {low} {upper}" + (", or null" if optional else "")


def _even() -> Rule:
    def fits(value: Any) -> bool:
        return type(value) is int and value >= 2 and value % 2 == 0

    return fits, "an even whole number from 2 up, so that every image is learnt by half of the models"


def _number(above: float, most: float = math.inf, *, optional: bool = False) -> Rule:
    def fits(value: Any) -> bool:
        if value is None:
            return optional
        return type(value) in (int, float) and above < value <= most and math.isfinite(value)

    return fits, f"a finite number above {above:g}" + (f", up to {most:g}" if math.isfinite(most) else "") + (
        ", or null" if optional else ""
    )


def _switch() -> Rule:
    return lambda value: type(value) is bool, "true or false"


def _budgets() -> Rule:
    def fits(value: Any) -> bool:
        if value is None:
            return True
        return isinstance(value, list) and value != [] and all(type(one) is int and one >= 1 for one in value)

    return fits, "a list of whole numbers from 1 up, such as [100,1000], or null"


def _path(*, optional: bool = False) -> Rule:
    def fits(value: Any) -> bool:
        return (optional and value is None) or (isinstance(value, str) and value != "")

    return fits, "a path" + (", or null" if optional else "")


def _class() -> Rule:
    return (
        lambda value: isinstance(value, Mapping) and "_target_" in value,
        "a _target_, the name of a class, and its settings",
    )


LARGEST_SEED = 2**63 - 1  # what every random generator takes

RULES: dict[str, Rule] = {
    "seed": _whole(0, most=LARGEST_SEED),
    "budgets": _budgets(),
    "budget": _whole(1),
    "repetitions": _whole(1),
    "targets": _whole(1, optional=True),
    "price": _number(0.0, optional=True),
    "transfer.epsilon": _number(0.0, 1.0, optional=True),
    "transfer.images": _whole(1),
    "store": _path(),
    "verbose": _switch(),
    "data": _class(),
    "data.root": _path(),
    "data.download": _switch(),
    "data.verify": _switch(),
    "nonmembers.as_stored": _switch(),
    "pool": _class(),
    "pool.path": _path(),
    "pool.invert": _switch(),
    "pool.count": _whole(1),
    "pool.seed": _whole(0, most=LARGEST_SEED),
    "target.network": _class(),
    "target.seed": _whole(0, most=LARGEST_SEED),
    "target.epochs": _whole(1),
    "target.lr": _number(0.0),
    "target.gamma": _number(0.0, 1.0),
    "target.batch_size": _whole(1),
    "target.train_size": _whole(1, optional=True),
    "target.checkpoint": _path(optional=True),
    "shadow.count": _even(),
    "shadow.processes": _whole(1, optional=True),
    "shadow.other_recipe": _switch(),
    "shadow.network": _class(),
    "shadow.epochs": _whole(1),
    "shadow.lr": _number(0.0),
    "shadow.gamma": _number(0.0, 1.0),
    "shadow.batch_size": _whole(1),
    "attack": _class(),
    "attack.online": _switch(),
    "attack.augmentations": _whole(0),
    "attack.public": _whole(1),
    "attack.queries": _whole(1),
    "attack.shadow_models": _whole(1),
    "attack.shift": _whole(0),
    "attack.gamma": _number(0.0),
    "attack.candidates": _whole(4),
    "attack.start": _whole(1),
    "attack.shortlist": _whole(1),
    "attack.round": _whole(1),
    "attack.reservoir": _whole(1),
    "attack.mu": _whole(1),
    "attack.steps": _whole(1),
    "attack.latent": _whole(1),
    "attack.batch": _whole(1),
    "attack.generator_steps": _whole(1),
    "attack.student_steps": _whole(1),
    "attack.directions": _whole(1),
    "attack.doublings": _whole(0),
    "attack.targets": _whole(1, optional=True),
    "attack.quantile": _number(0.0, 1.0),
    "defence": _class(),
    "surrogate.network": _class(),
    "surrogate.epochs": _whole(1),
    "surrogate.lr": _number(0.0),
    "surrogate.batch_size": _whole(1),
    "trainer.progress": _switch(),
}


def check(settings: Mapping[str, Any]) -> None:
    """Check the composed settings, a nested mapping, against `RULES`.

    Raises:
        UserError: names the first setting that cannot work, its value, and what would.
    """
    for name, (fits, needs) in RULES.items():
        value: Any = settings
        for part in name.split("."):
            if not isinstance(value, Mapping) or part not in value:
                break
            value = value[part]
        else:
            if not fits(value):
                shown = "null" if value is None else value
                raise UserError(f"{name}={shown}: needs {needs}.")
