"""The transcript: what was asked of somebody's API and what it answered, so that no answer is paid twice.

An intent is written before each request, the answer after. A process that is killed loses nothing that was answered,
and leaves what was in flight as intents: those may have been paid. SQLite on a local disk: a network file system breaks
its locks. A power cut may lose what was written in the last moments before.
"""

import json
import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Float64

from privattack.database import open_database, whole
from privattack.errors import UserError

log = logging.getLogger(__name__)

Query = tuple[bytes, int]  # an image's digest, and how often the session had asked about it before
TABLES = """
    CREATE TABLE IF NOT EXISTS endpoints (id INTEGER PRIMARY KEY, description TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS requests (
        id INTEGER PRIMARY KEY, endpoint INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, images INTEGER NOT NULL,
        answered INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS queries (
        endpoint INTEGER NOT NULL, digest BLOB NOT NULL, repeat INTEGER NOT NULL, request INTEGER NOT NULL,
        place INTEGER NOT NULL, answer BLOB,
        PRIMARY KEY (endpoint, digest, repeat)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_request ON queries (request);
"""


@dataclass(frozen=True)
class Intent:
    """A request that is about to be sent, or was in flight when its process was killed.

    Attributes:
        number: of its row.
        key: names it to a server that answers repeats without charging for them.
        sent_before: whether an earlier run sent it: then it may be paid, whatever becomes of it now.
    """

    number: int
    key: str
    queries: Sequence[Query]
    sent_before: bool = False


class Transcript:
    """The transcript of one endpoint, in a file that many share; one process writes at a time, others wait.

    Args:
        path: of the file, made where it is missing.
        endpoint: what tells its answers from others': address, model and version, and how images are encoded.

    Raises:
        UserError: the file cannot be opened.
    """

    def __init__(self, path: str | Path, endpoint: Mapping[str, Any]) -> None:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(f"{path}.lock")
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                log.info("victim.transcript=%s: another run writes it; waiting for that to end.", path)
                self._lock.acquire()
        except OSError as error:
            raise UserError(
                f"victim.transcript={path}: cannot be opened ({error}); name a file on a local disk."
            ) from error
        self._database = open_database(path, TABLES, setting="victim.transcript")
        description = (json.dumps(endpoint, sort_keys=True),)
        self._database.execute("INSERT OR IGNORE INTO endpoints (description) VALUES (?)", description)
        found = self._database.execute("SELECT id FROM endpoints WHERE description = ?", description)
        (self._endpoint,) = found.fetchone()

    @staticmethod
    def endpoints(path: str | Path) -> list[dict[str, Any]]:
        """Return which endpoints a transcript knows."""
        with Transcript(path, {}) as transcript:
            rows = transcript._database.execute("SELECT description FROM endpoints ORDER BY id").fetchall()
        return [endpoint for row in rows if (endpoint := json.loads(row[0]))]

    def __enter__(self) -> "Transcript":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._lock.release()

    def answers(self, queries: Sequence[Query]) -> dict[Query, Float64[np.ndarray, " numbers"]]:
        """Return those answers that there are."""
        rows = (self._row("answer", query) for query in queries)
        found = zip(queries, rows, strict=True)
        return {query: np.frombuffer(row[0]) for query, row in found if row is not None and row[0] is not None}

    def all_answers(self, size: int) -> Iterator[list[tuple[bytes, int, Float64[np.ndarray, " numbers"]]]]:
        """Yield every answer, so many at a time: an image's digest, how often it was asked before, and numbers."""
        rows = self._database.execute(
            "SELECT digest, repeat, answer FROM queries WHERE endpoint = ? AND answer IS NOT NULL", (self._endpoint,)
        )
        while part := rows.fetchmany(size):
            yield [(digest, repeat, np.frombuffer(answer)) for digest, repeat, answer in part]

    def unanswered(self, queries: Sequence[Query]) -> list[Intent]:
        """Return the requests that hold any of these queries and were in flight when their process was killed."""
        numbers = {row[0] for query in queries if (row := self._row("request, answer", query)) and row[1] is None}
        intents = []
        for number in sorted(numbers):
            (key,) = self._database.execute("SELECT key FROM requests WHERE id = ?", (number,)).fetchone()
            held = self._database.execute(
                "SELECT digest, repeat FROM queries WHERE request = ? ORDER BY place", (number,)
            )
            intents.append(Intent(number, key, held.fetchall(), sent_before=True))
        return intents

    def intend(self, queries: Sequence[Query]) -> Intent:
        """Write down that a request is about to be sent."""
        key = str(uuid.uuid4())
        with whole(self._database):
            number = self._database.execute(
                "INSERT INTO requests (endpoint, key, images) VALUES (?, ?, ?)", (self._endpoint, key, len(queries))
            ).lastrowid
            assert number is not None
            self._database.executemany(
                "INSERT INTO queries (endpoint, digest, repeat, request, place) VALUES (?, ?, ?, ?, ?)",
                [(self._endpoint, *query, number, place) for place, query in enumerate(queries)],
            )
        return Intent(number, key, queries)

    def answered(self, intent: Intent, answers: Float64[np.ndarray, "n numbers"]) -> None:
        """Write down what a request was answered, a row for each of its queries."""
        with whole(self._database):
            self._database.executemany(
                "UPDATE queries SET answer = ? WHERE endpoint = ? AND digest = ? AND repeat = ?",
                [
                    (answer.tobytes(), self._endpoint, *query)
                    for query, answer in zip(intent.queries, answers, strict=True)
                ],
            )
            self._database.execute("UPDATE requests SET answered = 1 WHERE id = ?", (intent.number,))

    def forget(self, intent: Intent) -> None:
        """Take back a request: it was refused, so that nothing was paid, or its images are to be sent otherwise."""
        with whole(self._database):
            self._database.execute("DELETE FROM queries WHERE request = ?", (intent.number,))
            self._database.execute("DELETE FROM requests WHERE id = ?", (intent.number,))

    def _row(self, columns: str, query: Query) -> tuple[Any, ...] | None:
        return self._database.execute(
            f"SELECT {columns} FROM queries WHERE endpoint = ? AND digest = ? AND repeat = ?", (self._endpoint, *query)
        ).fetchone()
