"""`compared.npz`: how each image moves the figures that attackers are compared by, beside `result.json`."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from privattack.metrics.by_image import ByImage
from privattack.results.files import write_arrays
from privattack.results.result import Attacker, Result

NAME = "compared.npz"


def write_compared(folder: Path, result: Result) -> None:
    """Write the table, whole or not at all. Influences are kept to three digits, which is all that variances need."""
    arrays, index = {}, []
    for place, (attacker, budget, metric, one) in enumerate(_entries(result)):
        told = {"n": one.n, "images": one.images, "across_targets": one.across_targets}
        index.append({"attacker": attacker.name, "budget": budget, "metric": metric, **told})
        arrays[f"values_{place}"] = one.values
        arrays[f"influence_{place}"] = (one.n * one.influence).astype(np.float16)
    write_arrays(folder / NAME, {"index": np.array(json.dumps(index)), **arrays})


def with_compared(folder: Path, result: Result) -> Result:
    """Return a result with what its folder holds of single images, which older folders do not.

    Raises:
        ValueError: the table is damaged.
    """
    if not (folder / NAME).exists():
        return result
    found: dict[tuple[str, int | None], dict[str, ByImage]] = {}
    try:
        with np.load(folder / NAME, allow_pickle=False) as arrays:
            for place, told in enumerate(json.loads(str(arrays["index"]))):
                attacker, budget, metric = (told.pop(name) for name in ("attacker", "budget", "metric"))
                influence = arrays[f"influence_{place}"].astype(np.float32) / told["n"]
                one = ByImage(**told, values=arrays[f"values_{place}"], influence=influence)
                found.setdefault((attacker, budget), {})[metric] = one
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{folder / NAME}: is damaged ({error})") from error
    return result.model_copy(update={"attackers": [_with(attacker, found) for attacker in result.attackers]})


def _entries(result: Result) -> Iterator[tuple[Attacker, int | None, str, ByImage]]:
    for attacker in result.attackers:
        if not attacker.curve:
            yield from ((attacker, None, metric, one) for metric, one in attacker.compared.items())
        for point in attacker.curve:
            yield from ((attacker, point.budget, metric, one) for metric, one in point.compared.items())


def _with(attacker: Attacker, found: dict[tuple[str, int | None], dict[str, Any]]) -> Attacker:
    curve = [
        point.model_copy(update={"compared": found.get((attacker.name, point.budget), {})}) for point in attacker.curve
    ]
    whole = curve[-1].compared if curve else found.get((attacker.name, None), {})
    return attacker.model_copy(update={"curve": curve, "compared": whole})
