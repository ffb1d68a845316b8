"""Tables for a paper: `privattack table PATH... --rows attack --columns defence --format latex`."""

import argparse
import csv
import io
import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from privattack.errors import UserError
from privattack.results.collect import Finished, collect
from privattack.results.curves import runs_at_each_budget
from privattack.results.differences import difference, is_clear
from privattack.results.figures import QUERYING, WORDS, best, ranking_metric
from privattack.results.naming import attributes, shown, varying
from privattack.results.result import Attacker

ATTACKER = "attacker"
SCALES = {"auc": 1.0, "kl": 1.0, "l1": 1.0}  # every other figure is a share, told in %
LATEX = {"\\": r"\textbackslash{}", **{sign: f"\\{sign}" for sign in "&%$#_{}"}, "~": r"\textasciitilde{}"}


@dataclass(frozen=True)
class Entry:
    """A cell: whose figure it is, and whether nobody in its column is surely better."""

    attacker: Attacker
    bold: bool = False


@dataclass(frozen=True)
class PaperTable:
    """Figures by two settings. `entries[row][column]` is None where no run has them."""

    metric: str
    corner: str
    rows: Sequence[str]
    columns: Sequence[str]
    entries: Sequence[Sequence[Entry | None]]


def paper_table(runs: Iterable[Finished], *, rows: str, columns: str, metric: str | None = None) -> PaperTable:
    """Return the strongest querying attacker's figure of each run, in the place that its two settings give it.

    In each column stands out whoever nobody exceeds beyond the interval of the paired difference, all compared with the
    best one at once.

    Args:
        rows, columns: the settings' names, such as `attack`, `defence`, `budget`, `surrogate.epochs`; or `attacker`.
        metric: `fidelity`, `auc` and so on; by default what attackers are ranked by.

    Raises:
        UserError: no run has such a setting or figure, or two runs belong in one place.
    """
    every = runs_at_each_budget(runs)
    metric = metric or ranking_metric([one for run in every for one in run.result.having(*QUERYING)])
    placed: dict[tuple[str, str], tuple[Attacker, Finished]] = {}
    for run in every:
        for attacker in _attackers(run, ATTACKER in (rows, columns), metric):
            place = _name(run, attacker, rows), _name(run, attacker, columns)
            if place in placed:
                others = varying([run.result.run, placed[place][1].result.run])
                raise UserError(
                    f"--rows {rows} --columns {columns}: two results belong at {' and '.join(place)}; they differ in "
                    f"{', '.join(others) or 'nothing'}: name fewer folders, or one of those."
                )
            placed[place] = attacker, run
    if not placed:
        raise UserError(f"--metric {metric}: no attacker who queries has it; see the columns of summary.csv.")
    down, across = ([*dict.fromkeys(place[side] for place in placed)] for side in (0, 1))
    grid = [[placed.get((row, column), (None,))[0] for column in across] for row in down]
    bold = {id(one) for column in zip(*grid, strict=True) for one in _unbeaten(column, metric)}
    entries = [[None if one is None else Entry(one, id(one) in bold) for one in line] for line in grid]
    return PaperTable(metric, rows, down, across, entries)


def _attackers(run: Finished, each: bool, metric: str) -> list[Attacker]:
    if each:
        return [one for one in run.result.attackers if one.figure(metric).given]
    strongest = best(run.result, *QUERYING, metric=metric)
    return [] if strongest is None else [strongest]


def _name(run: Finished, attacker: Attacker, setting: str) -> str:
    if setting == ATTACKER:
        return attacker.name
    known = attributes(run.result.run)
    if setting not in known:
        raise UserError(f"{setting}: {run.folder} has no such setting; choose attacker or one of {', '.join(known)}.")
    return shown(setting, known[setting])


def _unbeaten(column: Sequence[Attacker | None], metric: str) -> list[Attacker]:
    standing = [one for one in column if one is not None]
    first = max(standing, key=lambda one: one.figure(metric).known.value)
    others = len(standing) - 1
    return [
        one
        for one in standing
        if one is first or not is_clear(difference(first, one, metric, comparisons=max(others, 1)))
    ]


def written(table: PaperTable, form: Literal["latex", "csv", "markdown"]) -> str:
    """Return the table as text: figures with their 95 % intervals, in % but for AUC and distances."""
    if form == "csv":
        return _csv(table)
    cells = [[_cell(entry, table.metric, form) for entry in line] for line in table.entries]
    if form == "markdown":
        lines = [[table.corner, *table.columns], ["---"] * (1 + len(table.columns))]
        lines += [[row, *line] for row, line in zip(table.rows, cells, strict=True)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    head = [_latex(one) for one in (table.corner, *table.columns)]
    body = [[_latex(row), *line] for row, line in zip(table.rows, cells, strict=True)]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *(" & ".join(line) + r" \\" for line in body),
            r"\bottomrule",
            r"\end{tabular}",
            f"% {WORDS.get(table.metric, table.metric)} with 95 % intervals; bold: no one in the column is ahead",
        ]
    )


def _cell(entry: Entry | None, metric: str, form: Literal["latex", "markdown"]) -> str:
    if entry is None:
        return "--" if form == "latex" else "-"
    scale = SCALES.get(metric, 100.0)
    digits = 1 if scale == 100.0 else 2
    value, low, high = (f"{scale * one:.{digits}f}" for one in entry.attacker.figure(metric).known)
    if form == "latex":
        return (rf"\textbf{{{value}}}" if entry.bold else value) + rf" {{\scriptsize [{low}, {high}]}}"
    return (f"**{value}**" if entry.bold else value) + f" [{low}, {high}]"


def _csv(table: PaperTable) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("value", "low", "high", "bold")
    writer.writerow([table.corner, *(f"{column}_{name}" for column in table.columns for name in names)])
    for row, line in zip(table.rows, table.entries, strict=True):
        cells: list[object] = []
        for entry in line:
            cells += [""] * 4 if entry is None else [*entry.attacker.figure(table.metric).known, int(entry.bold)]
        writer.writerow([row, *cells])
    return text.getvalue().rstrip()


def _latex(text: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in text)


def main(words: Sequence[str]) -> None:
    """Print a table over results, as its command line says."""
    parser = argparse.ArgumentParser(prog="privattack table", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a folder of runs or of sweeps")
    parser.add_argument("--rows", default="attack", help="a setting, or attacker (default: attack)")
    parser.add_argument("--columns", default="defence", help="a setting, or attacker (default: defence)")
    parser.add_argument("--metric", help="fidelity, auc, tpr_at_fpr_0.01, ... (default: what attackers are ranked by)")
    parser.add_argument("--format", choices=("markdown", "latex", "csv"), default="markdown")
    arguments = parser.parse_args(words)
    logging.basicConfig(format="%(levelname)s %(message)s")
    try:
        runs = collect(arguments.paths).runs
        table = paper_table(runs, rows=arguments.rows, columns=arguments.columns, metric=arguments.metric)
    except UserError as error:
        sys.exit(f"Error: {error}")
    print(written(table, arguments.format))
