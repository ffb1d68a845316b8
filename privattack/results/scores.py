"""What each attacker said of each image: `scores.csv.gz`, out of which a run's figures can be computed again.

A membership inference has the columns `attacker, repetition, target, image, member, score, decision`. An extraction has
`attacker, repetition, budget, image, label, target_class, surrogate_class, queried, kl`; and where adversarial examples
were made, `transfer_fgsm` and `transfer_pgd`: whether the example made from this image fools the target, empty where
none was made. An image's name is the first 16 hexadecimal digits of its digest (`LabelledImages.digests`). All rows of
an image stand together: so the table stays small, and two attackers can be compared image by image.
"""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from privattack.atomic_write import write_whole

NAME = "scores.csv.gz"
Columns = dict[str, np.ndarray]
TYPES = {"attacker": str, "image": str, "score": float, "kl": float, "transfer_fgsm": float, "transfer_pgd": float}


def write_scores(folder: Path, attackers: Mapping[str, Columns]) -> None:
    """Write the table, whole or not at all.

    Args:
        attackers: each one's columns, by name: arrays of one length, with `image` among them.
    """
    tables = [{"attacker": np.full(len(columns["image"]), name), **columns} for name, columns in attackers.items()]
    names = list(dict.fromkeys(name for table in tables for name in table))
    joined = [np.concatenate([_column(table, name) for table in tables]) for name in names]
    order = np.argsort(joined[names.index("image")], kind="stable")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*(_written(column[order]) for column in joined), strict=True))
    write_whole(folder / NAME, gzip.compress(text.getvalue().encode(), compresslevel=4, mtime=0))


def read_scores(folder: Path) -> dict[str, np.ndarray]:
    """Return the table's columns: names as text, `score` and `kl` as float64 (NaN where empty), the rest as int64.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is damaged.
    """
    with gzip.open(folder / NAME, "rt", newline="") as file:
        try:
            names, *rows = csv.reader(file)
            columns = zip(*rows, strict=True) if rows else ((),) * len(names)
            return {name: _read(name, column) for name, column in zip(names, columns, strict=True)}
        except (ValueError, EOFError, gzip.BadGzipFile) as error:
            raise ValueError(f"{folder / NAME}: is damaged ({error})") from error


def _column(table: Columns, name: str) -> np.ndarray:
    return table[name] if name in table else np.full(len(table["image"]), np.nan)


def _written(column: np.ndarray) -> Sequence[object]:
    """Return the cells: truths as 0 and 1, floats by all their digits, NaN as nothing."""
    if column.dtype == bool:
        return column.astype(np.int8).tolist()
    if column.dtype.kind == "f":
        return ["" if value != value else value for value in column.tolist()]
    return column.tolist()


def _read(name: str, column: Sequence[str]) -> np.ndarray:
    kind = TYPES.get(name, int)
    if kind is str:
        return np.array(column, dtype=str)
    return np.array(
        [kind(cell) if cell else np.nan for cell in column], dtype=np.float64 if kind is float else np.int64
    )
