"""Read what runs left behind: every `result.json` and `failure.json` below some folders."""

import csv
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from privattack.errors import UserError
from privattack.results.files import SCHEMA

log = logging.getLogger(__name__)

Read = TypeVar("Read")

RUN = ("attack", "defence", "data", "nonmembers", "seed", "budget", "repetitions", "config")
# Dots lead inwards.
MEASUREMENTS = (
    "target.train_accuracy",
    "target.test_accuracy",
    "service.test_accuracy",
    "service.labels_changed",
    "service.l1",
)
FIGURES = ("value", "low", "high")


@dataclass(frozen=True)
class Roc:
    """An attacker's ROC, averaged over repetitions: false and true positive rates, from (0, 0) to (1, 1)."""

    fpr: list[float]
    tpr: list[float]


@dataclass(frozen=True)
class Histogram:
    """An attacker's scores: each bin's two edges, and how many members and non-members fell into it."""

    low: list[float]
    high: list[float]
    members: list[float]
    nonmembers: list[float]


@dataclass(frozen=True)
class Run:
    """A run that ended well: its folder, the content of its `result.json`, and its curves by attacker."""

    folder: Path
    result: dict[str, Any]
    rocs: dict[str, Roc] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A job that failed: its folder, the `run` it would have been, and why, in one sentence."""

    folder: Path
    run: dict[str, Any]
    why: str


@dataclass(frozen=True)
class Collection:
    """All that was found: runs with the same attack lie together, those without a defence first."""

    runs: list[Run]
    failures: list[Failure]


def collect(paths: Iterable[Path]) -> Collection:
    """Read every result and failure in or below `paths`; name and skip what is damaged.

    Raises:
        UserError: a path is not there.
    """
    results: set[Path] = set()
    failures: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: there is no such folder; name one that holds results, such as outputs.")
        for found, name in ((results, "result.json"), (failures, "failure.json")):
            # A folder may be given twice, or with one that holds it.
            found |= {file.parent.resolve() for file in ([path] if path.name == name else path.rglob(name))}
    runs = [run for folder in sorted(results) if (run := _sound(folder, "result.json", _run)) is not None]
    jobs = [job for folder in sorted(failures - results) if (job := _sound(folder, "failure.json", _failure))]
    return Collection(
        sorted(runs, key=lambda run: _order(run.result["run"])), sorted(jobs, key=lambda job: _order(job.run))
    )


def _order(run: Mapping[str, Any]) -> tuple:
    named = [str(run[name]) for name in ("attack", "data", "nonmembers")]
    # A failed job may have a word where a number belongs.
    numbers = [(0, run[name], "") if type(run[name]) is int else (1, 0, str(run[name])) for name in ("budget", "seed")]
    return (*named, run["defence"] != "none", run["defence"], *numbers)


def _sound(folder: Path, name: str, read: Callable[[Path, dict[str, Any]], Read]) -> Read | None:
    try:
        return read(folder, json.loads((folder / name).read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else error
        log.warning("%s: cannot be read (%s); left out of the report.", folder / name, why)
        return None


def _run(folder: Path, result: dict[str, Any]) -> Run:
    check(result)
    rocs = _by_attacker(folder / "roc.csv", Roc, ("fpr", "tpr"))
    histograms = _by_attacker(folder / "histograms.csv", Histogram, ("low", "high", "members", "nonmembers"))
    return Run(folder, result, rocs, histograms)


def _failure(folder: Path, content: dict[str, Any]) -> Failure:
    run = {name: content["run"][name] for name in RUN}
    # What made the job fail may be a list, or whatever else was typed.
    run |= {
        name: value if type(value := run[name]) is int else str(value) for name in ("seed", "budget", "repetitions")
    }
    return Failure(folder, run, str(content["why"]))


def check(result: Mapping[str, Any]) -> None:
    """Check that a result has the form of `result.json`.

    Raises KeyError, TypeError or ValueError where it has not.
    """
    if result["schema"] != SCHEMA:
        raise ValueError(f"schema {result['schema']}, this program reads {SCHEMA}")
    for name in RUN:
        result["run"][name]
    for path in MEASUREMENTS:
        group, name = path.split(".")
        _check_measurement(path, result[group][name])
    for attacker in result["attackers"]:
        attacker["knowledge"]
        if not attacker["metrics"]:
            raise ValueError(f"attacker {attacker['name']} has no metrics")
        for name, measurement in attacker["metrics"].items():
            _check_measurement(name, measurement)
        for point in attacker.get("curve", []):
            if type(point["budget"]) is not int:
                raise TypeError(f"a budget of {attacker['name']}'s curve is {point['budget']!r}")
            for name, measurement in point["metrics"].items():
                _check_measurement(f"{name} at {point['budget']} queries", measurement)
    if pool := result.get("pool"):
        for name in ("images", "judged_by"):
            if type(pool[name]) is not int:
                raise TypeError(f"pool.{name} is {pool[name]!r}")
    if found := result.get("found"):
        for name, measurement in {**found["attackers"], "any": found["any"], "any_fpr": found["any_fpr"]}.items():
            _check_measurement(f"found by {name}", measurement)
        for pair in found["pairs"]:
            if not isinstance(pair["jaccard"], int | float | None):
                raise TypeError(f"the overlap of {pair['first']} and {pair['second']} is {pair['jaccard']!r}")
    for name, seconds in result["timings"].items():
        if not isinstance(seconds, int | float):
            raise TypeError(f"timing {name} is {seconds!r}")


def _check_measurement(name: str, measurement: Mapping[str, Any]) -> None:
    figures = [measurement[part] for part in FIGURES]
    if all(figure is None for figure in figures):
        return
    if not all(isinstance(figure, int | float) for figure in figures):
        raise TypeError(f"{name} is {measurement!r}")
    value, low, high = figures
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, outside its interval [{low}, {high}]")


def _by_attacker(path: Path, kind: Callable[..., Read], columns: tuple[str, ...]) -> dict[str, Read]:
    """Read a table of curves; a result without them is still a result."""
    if not path.exists():
        return {}
    curves: dict[str, list[list[float]]] = {}
    try:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                series = curves.setdefault(row["attacker"], [[] for _ in columns])
                for values, column in zip(series, columns, strict=True):
                    values.append(float(row[column]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s: cannot be read (%s); its curves are left out of the report.", path, error)
        return {}
    return {name: kind(*series) for name, series in curves.items()}
