"""SQLite files: each write is whole, whoever is killed."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from privattack.errors import UserError


def open_database(path: str | Path, tables: str, *, setting: str, **options: Any) -> sqlite3.Connection:
    """Open a database, made where it is missing, in autocommit mode.

    A kill loses nothing; a power cut may lose the last moments, for a write does not wait for the disk.

    Args:
        tables: SQL that makes the tables where they are missing.
        setting: what names the file, for the message.
        options: more of `sqlite3.connect`.

    Raises:
        UserError: it cannot be opened.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, isolation_level=None, **options)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(tables)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{setting}={path}: cannot be opened ({error}); name a file on a local disk.") from error
    return database


@contextmanager
def whole(database: sqlite3.Connection) -> Iterator[None]:
    """All that is written within is written, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
