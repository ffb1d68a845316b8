"""Read what runs left behind: every `result.json` and `failure.json` below some folders."""

import csv
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from privattack.errors import UserError
from privattack.results.compared import NAME, with_compared
from privattack.results.result import Failed, Job, Result

log = logging.getLogger(__name__)

Read = TypeVar("Read")


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
class Finished:
    """A run that ended well: its folder, its result, and its curves by attacker."""

    folder: Path
    result: Result
    rocs: dict[str, Roc] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A job that failed: its folder, the run it would have been, and why, in one sentence."""

    folder: Path
    run: Job
    why: str


@dataclass(frozen=True)
class Collection:
    """All that was found: runs with the same attack lie together, those without a defence first."""

    runs: list[Finished]
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
    runs = [run for folder in sorted(results) if (run := _sound(folder / "result.json", _finished)) is not None]
    jobs = [job for folder in sorted(failures - results) if (job := _sound(folder / "failure.json", _failure))]
    return Collection(
        sorted(runs, key=lambda run: _order(run.result.run)), sorted(jobs, key=lambda job: _order(job.run))
    )


def _order(run: Job) -> tuple:
    # A failed job may have a word where a number belongs.
    numbers = [(0, number, "") if isinstance(number, int) else (1, 0, number) for number in (run.budget, run.seed)]
    return (run.attack, run.data, str(run.nonmembers), run.defence != "none", run.defence, *numbers)


def _sound(path: Path, read: Callable[[Path], Read]) -> Read | None:
    try:
        return read(path)
    except (OSError, ValueError) as error:
        log.warning("%s: cannot be read (%s); left out of the report.", path, _why(error))
        return None


def _why(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")


def _finished(path: Path) -> Finished:
    result = Result.from_json(path.read_bytes())
    try:
        result = with_compared(path.parent, result)
    except (OSError, ValueError) as error:
        log.warning("%s: cannot be read (%s); its attackers are compared without it.", path.with_name(NAME), error)
    rocs = _by_attacker(path.with_name("roc.csv"), Roc, ("fpr", "tpr"))
    bins = _by_attacker(path.with_name("histograms.csv"), Histogram, ("low", "high", "members", "nonmembers"))
    return Finished(path.parent, result, rocs, bins)


def _failure(path: Path) -> Failure:
    failed = Failed.model_validate_json(path.read_bytes())
    return Failure(path.parent, failed.run, failed.why)


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
