"""Settings are checked once, where they are declared: by the annotations of a constructor's arguments.

`@checked` above a class or a function reads them as pydantic does, strictly: true is no 1, "5" no 5, 2.0 no whole
number, and no number is NaN or infinite. What a setting needs is said in the words of its annotation.
"""

import inspect
import math
import os
from collections.abc import Callable, Sequence
from functools import wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, validate_call
from pydantic.fields import FieldInfo

from privattack.errors import SettingError

STRICT = ConfigDict(arbitrary_types_allowed=True, strict=True, allow_inf_nan=False)
MOST = 1_000_000_000  # of whatever is counted: fits every integer of PyTorch's, and no run gets there
NAMED = 1_000  # bounds from here on only stop absurd numbers, and are named to those who went past them
LARGEST = 1e38  # of numbers that become single precision
LARGEST_SEED = 2**63 - 1  # what every random generator takes


def _usable_path(path: str) -> str:
    if "\0" in path:
        raise ValueError("a path holds no NUL")
    os.fsencode(path)  # a ValueError where no file system can hold the name
    return path


Count = Annotated[int, Field(ge=1, le=MOST)]  # such as images
Length = Annotated[int, Field(ge=1, le=1_000_000)]  # such as epochs, or the images of a batch
Few = Annotated[int, Field(ge=1, le=10_000)]  # what each takes a model, or a tensor
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Positive = Annotated[float, Field(gt=0, le=LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]
Border = Annotated[int, Field(ge=0, le=256)]  # pixels
PositiveShare = Annotated[float, Field(gt=0, le=1)]
PathText = Annotated[str, Field(min_length=1, description="a path"), AfterValidator(_usable_path)]

WHAT_MAKES = "a _target_, the name of a class, and its settings"

Made = TypeVar("Made", bound=Callable[..., Any])

LISTS = (list, Sequence)
RANGES = {
    (): "a number",
    ("gt",): "a number above {gt:g}",
    ("ge",): "a number from {ge:g} up",
    ("gt", "lt"): "a number above {gt:g} and below {lt:g}",
    ("gt", "le"): "a number above {gt:g}, up to {le:g}",
    ("ge", "le"): "a number from {ge:g} to {le:g}",
}


def checked(made: Made) -> Made:
    """Check the arguments of a function, or of a class's constructor, by their annotations.

    Raises:
        SettingError: an argument is not what its annotation says.
    """
    if isinstance(made, type):
        made.__init__ = checked(made.__init__)  # type: ignore[misc]
        return made
    signature = inspect.signature(made)
    annotations = get_type_hints(made, include_extras=True)
    validated = validate_call(config=STRICT)(made)

    @wraps(made)
    def check_and_call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments  # Python's own error where one is missing, or unknown
        try:
            return validated(*args, **kwargs)
        except ValidationError as error:
            name = error.errors()[0]["loc"][0]
            if error.title != made.__qualname__ or name not in given:
                raise  # what the body met
            raise SettingError({str(name): given[name]}, f"needs {needs(annotations[name], given[name])}") from None

    return cast(Made, check_and_call)


def needs(annotation: Any, value: Any) -> str:
    """Say what an annotation asks for, in the words of its `Field(description=...)` where it has one.

    Args:
        value: what came instead: a list is told what a list needs, and a number above the bound what the bound is.
    """
    kind, *metadata = get_args(annotation) if get_origin(annotation) is Annotated else [annotation]
    limits: dict[str, Any] = {}
    for one in metadata:
        if isinstance(one, FieldInfo) and one.description is not None:
            return one.description
        for part in getattr(one, "metadata", ()):
            limits |= {name: getattr(part, name) for name in ("gt", "ge", "lt", "le") if hasattr(part, name)}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        lists = [one for one in arguments if _is_list(one)]
        fitting = lists if isinstance(value, list) and lists else [one for one in arguments if one not in lists]
        return ", or ".join("null" if one is NoneType else needs(one, value) for one in fitting)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin in LISTS:
        return f"a list of {needs(arguments[0], None).replace('one of', 'one or more of')}"
    if kind is int:
        most = limits.get("le", limits.get("lt", MOST + 1) - 1)
        bounded = most < NAMED or (type(value) is int and value > most)
        return f"a whole number from {limits.get('ge', -MOST)} {f'to {most}' if bounded else 'up'}"
    if kind is float:
        if limits.get("le") == LARGEST and not (isinstance(value, float) and LARGEST < value < math.inf):
            del limits["le"]
        return RANGES[tuple(limits)].format(**limits)
    return {bool: "true or false", str: "a text"}.get(kind, WHAT_MAKES)


def _is_list(annotation: Any) -> bool:
    return get_origin(get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation) in LISTS
