"""What runs left, as an object: findings, a table, a page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privattack.errors import UserError
from privattack.findings.findings import findings
from privattack.report.page import write_page
from privattack.report.summary import summary
from privattack.results.collect import Collection, Failure, Finished, collect
from privattack.results.result import Result

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Results:
    """Results of one run or of several, in the order of reports: those of one attack together.

    Going through it gives each `Result`: its `attackers`, `target`, `service` and so on are what `result.json` holds.

    Attributes:
        runs: each with its folder, its result and its curves (`rocs` and `histograms`, by attacker).
        failures: jobs of a sweep that failed, each with the reason.
    """

    runs: list[Finished]
    failures: list[Failure]

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Result]:
        return (run.result for run in self.runs)

    @property
    def result(self) -> Result:
        """The result, where there is one alone.

        Raises:
            UserError: there are several, or none.
        """
        if len(self.runs) != 1:
            raise UserError(f"result: there are {len(self.runs)} results; go through them, or name the folder of one.")
        return self.runs[0].result

    @property
    def findings(self) -> list[str]:
        """What the results say together, one sentence each, the weightiest first."""
        return findings([*self]) if self.runs else []

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return the table that `summary.csv` holds: a row per attacker, run and budget of a curve, or failed job.

        A figure has the columns `NAME` (float64), `NAME_low`, `NAME_high` (its 95 % interval) and `NAME_sd`; what a
        run does not have is NaN.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise UserError("to_dataframe: pandas is not installed; pip install 'privattack[pandas]'.") from error
        columns, rows = summary(self._collection)
        return pandas.DataFrame([{name: _cell(row.get(name)) for name in columns} for row in rows], columns=columns)

    def report(self, path: str | Path = "report.html") -> Path:
        """Write one self-contained page over the results and return its path.

        Args:
            path: the page, or a folder, which gets a `report.html`.
        """
        page = Path(path)
        page = page if page.suffix == ".html" else page / "report.html"
        write_page(page, self._collection)
        return page

    @property
    def _collection(self) -> Collection:
        return Collection(self.runs, self.failures)


def _cell(value: Any) -> Any:
    return math.nan if value in ("", None) else str(value) if isinstance(value, Path) else value


def load(path: str | Path) -> Results:
    """Return the results in or below a folder: of a run, of a sweep, or of many.

    Args:
        path: a folder, or a `result.json`.

    Raises:
        UserError: there is no such path, or no result that can be read in it.
    """
    collection = collect([Path(path)])
    if not collection.runs and not collection.failures:
        raise UserError(f"{path}: holds no result that can be read; name a folder with a result.json in or below it.")
    return Results(collection.runs, collection.failures)
