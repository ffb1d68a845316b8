"""`summary.csv`: one row per attacker per run, and one per job that failed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from privattack.report.collect import Collection, Run
from privattack.report.files import write_table
from privattack.report.published import PUBLISHED, headline
from privattack.report.results import attributes

PARTS = ("value", "low", "high", "sd")
COSTS = ("test_accuracy", "labels_changed", "l1")


def write_summary(path: Path, collection: Collection) -> None:
    """Write the table; what a run does not have is an empty cell."""
    rows = [{**row, "folder": _beside(run.folder, path)} for run in collection.runs for row in _rows(run)]
    rows += [
        {**attributes(job.run), "folder": _beside(job.folder, path), "why": job.why} for job in collection.failures
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    last = ("folder", "why")
    header = [*(name for name in columns if name not in last), *last]
    write_table(path, header, ([row.get(name, "") for name in header] for row in rows))


def _rows(run: Run) -> Iterable[dict[str, Any]]:
    result = run.result
    service, target = result["service"], result["target"]
    metric, study = PUBLISHED.get((result["run"]["attack"], result["run"]["defence"]), ("", None))
    for attacker in result["attackers"]:
        row = {**attributes(result["run"]), "attacker": attacker["name"], "knowledge": attacker["knowledge"]}
        for name, measurement in attacker["metrics"].items():
            row |= _cells(name, measurement)
        if attacker["knowledge"] == "published" and metric == headline(attacker["metrics"]):
            row["published_figure"] = study
        row |= _cells("target_test_accuracy", target["test_accuracy"])
        for name in COSTS:
            row |= _cells(f"service_{name}", service[name])
        yield row | result["timings"]


def _cells(name: str, measurement: Mapping[str, Any]) -> dict[str, Any]:
    return {name if part == "value" else f"{name}_{part}": measurement.get(part) for part in PARTS}


def _beside(folder: Path, path: Path) -> Path:
    """Shorten what lies below the table's own folder, so that both can move."""
    parent = path.parent.resolve()
    return folder.relative_to(parent) if folder.is_relative_to(parent) else folder
