"""What the settings must be that no class of its own reads, checked before anything slow is imported.

What lies under a `_target_` is checked by the class that it names.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from privattack.checks import (
    LARGEST,
    STRICT,
    WHAT_MAKES,
    Border,
    Count,
    Few,
    Length,
    PathText,
    PositiveShare,
    Seed,
    needs,
)
from privattack.errors import SettingError, UserError
from privattack.results.claims import Claim


def _with_target(node: dict[str, Any]) -> dict[str, Any]:
    if "_target_" not in node:
        raise ValueError("has no _target_")
    return node


MadeOf = Annotated[dict[str, Any], Field(description=WHAT_MAKES), AfterValidator(_with_target)]
Budgets = Annotated[
    list[Count], Field(min_length=1, description="a list of whole numbers from 1 up, such as [100,1000]")
]
Even = Annotated[
    int,
    Field(
        ge=2,
        le=10_000,
        multiple_of=2,
        description="an even whole number from 2 to 10000, so that every image is learnt by half of the models",
    ),
]
Price = Annotated[float, Field(gt=0, le=1e12, description="a finite number above 0, up to 1e+12")]
Rate = Annotated[float, Field(gt=0, le=LARGEST, description=f"a finite number above 0, up to {LARGEST:g}")]
Claims = Annotated[
    list[Claim],
    Field(
        description="a list of claims, each a metric and at_most or at_least, such as [{metric: auc, at_most: 0.55}]"
    ),
]
Decay = Annotated[float, Field(gt=0, le=1, description="a finite number above 0, up to 1")]


class Section(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(**STRICT, extra="forbid")


class Transfer(Section):
    """How adversarial examples are made; see `audits.transfer`."""

    epsilon: PositiveShare | None
    images: Count


class Privacy(Section):
    """How canaries are judged; see `audits.canaries`."""

    delta: Annotated[float, Field(gt=0, lt=1)] | None
    thresholds: Literal["corrected", "held_out"]


class Training(Section):
    """How a target, or a shadow model, is trained."""

    network: MadeOf
    epochs: Length
    lr: Rate
    gamma: Decay
    batch_size: Length
    optimizer: MadeOf | None
    scheduler: MadeOf | None
    flips: bool
    crop: Border
    precision: Literal["float32", "tf32", "bf16"]


class Target(Training):
    """The target's training, or the user's own weights."""

    seed: Seed
    train_size: Count | None
    checkpoint: PathText | None
    members: PathText | None


class Shadow(Training):
    """Shadow models."""

    count: Even
    processes: Few | None
    engine: Annotated[str, Field(min_length=1, description="the name of one of shadow.engines, such as processes")]
    engines: dict[str, MadeOf]
    other_recipe: bool


class Trainer(Section):
    """Where to train."""

    accelerator: Literal["cpu", "gpu", "auto"]
    progress: bool
    lightning: bool
    callbacks: dict[str, MadeOf] | None
    devices: Few
    strategy: Annotated[str, Field(min_length=1, description="the name of one of Lightning's, such as ddp")] | MadeOf
    precision: Literal["32-true", "16-mixed", "bf16-mixed"]
    levers: list[Literal["compile", "graphs", "products"]]


class Settings(Section):
    """All settings."""

    seed: Seed
    budget: Count | Budgets
    repetitions: Few
    targets: Few | None
    price: Price | None
    transfer: Transfer
    privacy_audit: Privacy
    claims: Claims
    store: PathText
    verbose: bool
    data: MadeOf
    canaries: MadeOf
    default_budget: dict[str, Count]
    shadow_members: Count
    target: Target
    shadow: Shadow
    surrogate: MadeOf
    nonmembers: MadeOf
    pool: MadeOf
    attack: MadeOf
    learning: MadeOf
    defence: MadeOf
    monitor: MadeOf
    trainer: Trainer
    logger: MadeOf | None = None
    victim: MadeOf | None = None  # none where the run trains it


# What Hydra reads beside the settings of a class.
RESERVED: dict[str, Any] = {
    "_target_": Annotated[str, Field(min_length=1, description="the name of a class")],
    "_partial_": bool,
    "_recursive_": bool,
    "_convert_": Literal["none", "partial", "object", "all"],
    "_args_": list[Any],
}


def check(settings: Mapping[str, Any]) -> None:
    """Check the composed settings, a nested mapping.

    Raises:
        UserError: names the first setting that cannot work, its value, and what would.
    """
    try:
        Settings.model_validate(settings)
    except ValidationError as error:
        raise _refusal(settings, error.errors()[0]["loc"]) from None
    for path, value in _inner(settings, ""):
        annotation = RESERVED.get(path.rpartition(".")[2])
        if annotation is not None:
            try:
                TypeAdapter(annotation, config=ConfigDict(strict=True)).validate_python(value)
            except ValidationError:
                raise SettingError({path: value}, f"needs {needs(annotation, value)}") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingError({path: value}, "needs a finite number")


def _refusal(settings: Mapping[str, Any], place: Sequence[str | int]) -> UserError:
    section: type[Section] = Settings
    value: Any = settings
    for depth, name in enumerate(place, start=1):
        path = ".".join(map(str, place[:depth]))
        annotation = get_type_hints(section, include_extras=True).get(str(name))
        if annotation is None:
            return UserError(f"{path}: there is no such setting; use those that there are: {_names(section)}.")
        if name not in value:
            return UserError(f"{path}: the setting is missing; leave it in, or give it a value.")
        value = value[name]
        if not isinstance(annotation, type) or not issubclass(annotation, Section):
            break
        section = annotation
        if not isinstance(value, Mapping):
            return SettingError({path: value}, f"needs settings of its own: {_names(section)}")
    return SettingError({path: value}, f"needs {needs(annotation, value)}")


def _names(section: type[Section]) -> str:
    return ", ".join(section.model_fields)


def _inner(settings: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every setting below a place, and its full name."""
    inner = settings.items() if isinstance(settings, Mapping) else enumerate(settings)
    for name, value in inner:
        full = f"{path}.{name}" if path else str(name)
        yield full, value
        if isinstance(value, Mapping | list):
            yield from _inner(value, full)
