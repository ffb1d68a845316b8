"""`summary.csv`: one row per attacker, run and budget of a curve, and one per job that failed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from privattack.measurement import Measurement
from privattack.results.collect import Collection, Finished
from privattack.results.curves import runs_at_each_budget
from privattack.results.files import write_table
from privattack.results.naming import FIELDS, attributes, shown, varying
from privattack.results.result import Job
from privattack.results.study import comparable, study

PARTS = ("value", "low", "high", "sd")
COSTS = ("test_accuracy", "labels_changed", "l1", "calibration")


def write_summary(path: Path, collection: Collection) -> None:
    """Write the table; what a run does not have is an empty cell."""
    header, rows = summary(collection, path.parent)
    write_table(
        path, [*map(_no_formula, header)], ([_no_formula(row.get(name, "")) for name in header] for row in rows)
    )


def summary(collection: Collection, beside: Path = Path()) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the table's columns, and its rows by column; what a run does not have is left out of its row.

    Args:
        beside: folders below this one are named as seen from it.
    """
    named = [
        *FIELDS,
        *varying([run.result.run for run in collection.runs] + [job.run for job in collection.failures]),
    ]
    runs = runs_at_each_budget(collection.runs)
    rows = [{**row, "folder": _beside(run.folder, beside)} for run in runs for row in _rows(run, named)]
    rows += [
        {**_named(job.run, named), "folder": _beside(job.folder, beside), "why": job.why} for job in collection.failures
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    last = ("folder", "why")
    return [*(name for name in columns if name not in last), *last], rows


def _no_formula(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula; numbers stay as they are."""
    text = str(cell)
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
    return cell


def _named(run: Job, names: Sequence[str]) -> dict[str, Any]:
    found = attributes(run)
    # Every name, so that the first row puts the columns in their order.
    return {
        name: found.get(name, "") if name in FIELDS or name not in found else shown(name, found[name]) for name in names
    }


def _rows(run: Finished, named: Sequence[str]) -> Iterable[dict[str, Any]]:
    result = run.result
    service, target = result.service, result.target
    metric, published = study(result.run)
    for attacker in result.attackers:
        row = {**_named(result.run, named), "attacker": attacker.name, "knowledge": attacker.knowledge}
        for name, measurement in attacker.metrics.items():
            row |= _cells(name, measurement)
        if attacker.knowledge == "published" and metric == attacker.headline:
            row["published_figure"] = published if comparable(result.run) else None
        if found := result.found:
            row |= _cells("found_by_any", found.any) | _cells("accused_by_any", found.any_fpr)
        row |= _cells("target_test_accuracy", target.test_accuracy)
        for name in COSTS:
            row |= _cells(f"service_{name}", getattr(service, name))
        yield row | result.timings


def _cells(name: str, measurement: Measurement) -> dict[str, Any]:
    return {name if part == "value" else f"{name}_{part}": getattr(measurement, part) for part in PARTS}


def _beside(folder: Path, parent: Path) -> Path:
    """Shorten what lies below the table's own folder, so that both can move."""
    parent = parent.resolve()
    return folder.relative_to(parent) if folder.is_relative_to(parent) else folder
