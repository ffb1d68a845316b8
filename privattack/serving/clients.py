"""Who may ask, and how much is left: API keys, budgets and paid requests, in SQLite on a local disk.

A killed server loses none of it; a power cut may lose what was written in the last moments before.
"""

import hashlib
import hmac
import json
import re
import secrets
import sqlite3
import time
from pathlib import Path

from privattack.database import open_database, whole
from privattack.errors import UserError
from privattack.protocols.base import Headers

ANONYMOUS = "anonymous"  # who asks without a key, where that is allowed
KEPT = 24 * 3600  # seconds for which a request can be repeated
TABLES = """
    CREATE TABLE IF NOT EXISTS clients (
        name TEXT PRIMARY KEY, digest BLOB, budget INTEGER NOT NULL, spent INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS requests (
        client TEXT NOT NULL, key TEXT NOT NULL, content BLOB NOT NULL, at REAL NOT NULL, headers TEXT,
        answer BLOB,
        PRIMARY KEY (client, key));
"""


class BudgetSpent(Exception):
    """The client asks about more images than its budget has left; nothing is paid."""


class OtherRequest(Exception):
    """The client repeats an idempotency key with another request."""


# A body and its headers.
Answer = tuple[bytes, Headers]


class Clients:
    """The clients of a server. Any number of servers may share the file; one of these belongs to one thread.

    Args:
        path: of the file, made where it is missing.

    Raises:
        UserError: it cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self._database = open_database(path, TABLES, setting="serve.clients", timeout=30, check_same_thread=False)
        self._pruned = 0.0

    def add(self, name: str, *, budget: int) -> str:
        """Let a client in, and return its key, which is kept nowhere.

        Raises:
            UserError: there is a client of this name, or it is no name.
        """
        if not re.fullmatch(r"[\w-]{1,50}", name) or name == ANONYMOUS:
            raise UserError(f"serve.add={name}: needs letters, digits, - and _, up to 50, and no {ANONYMOUS}.")
        secret = secrets.token_urlsafe(32)
        try:
            self._database.execute(
                "INSERT INTO clients (name, digest, budget) VALUES (?, ?, ?)", (name, _digest(secret), budget)
            )
        except sqlite3.IntegrityError as error:
            raise UserError(f"serve.add={name}: has a key already; choose another name.") from error
        return f"{name}.{secret}"

    def let_in_without_key(self, budget: int | None) -> None:
        """Let everybody in who has no key, with one budget for all of them together; None lets nobody in."""
        self._database.execute("DELETE FROM clients WHERE name = ? AND ? IS NULL", (ANONYMOUS, budget))
        if budget is not None:
            self._database.execute(
                "INSERT INTO clients (name, budget) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET budget = ?2",
                (ANONYMOUS, budget),
            )

    def known(self, key: str | None) -> str | None:
        """Return whose key this is; None where it is nobody's."""
        name, _, secret = (key or ANONYMOUS).partition(".")
        row = self._database.execute("SELECT digest FROM clients WHERE name = ?", (name,)).fetchone()
        if key is None:
            return ANONYMOUS if row else None
        # Compared whoever it is, so that the time tells nothing.
        right = hmac.compare_digest(_digest(secret), (row and row[0]) or bytes(32))
        return name if right and row and row[0] else None

    def spent(self, client: str) -> tuple[int, int]:
        """Return how many images a client has paid for, and its budget."""
        return self._database.execute("SELECT spent, budget FROM clients WHERE name = ?", (client,)).fetchone()

    def pay(self, client: str, images: int, *, key: str | None = None, content: bytes = b"") -> Answer | None:
        """Take images off a client's budget, all or none; a request that was paid before costs nothing.

        Args:
            key: names the request, where the client may repeat it.
            content: what tells this request from another of the same key.

        Returns:
            What the request was answered before; None where it is to be answered now.

        Raises:
            BudgetSpent, OtherRequest: nothing is taken.
        """
        with whole(self._database):
            paid, answer = (False, None) if key is None else self._paid(client, key, content)
            if not paid:
                taken = self._database.execute(
                    "UPDATE clients SET spent = spent + ?1 WHERE name = ?2 AND spent + ?1 <= budget", (images, client)
                )
                if not taken.rowcount:
                    raise BudgetSpent
                if key is not None:
                    self._database.execute(
                        "INSERT INTO requests (client, key, content, at) VALUES (?, ?, ?, ?)",
                        (client, key, content, time.time()),
                    )
        return answer

    def give_back(self, client: str, images: int, *, key: str | None = None) -> None:
        """Undo a payment for a request that is not answered."""
        with whole(self._database):
            self._database.execute("DELETE FROM requests WHERE client = ? AND key = ?", (client, key))
            self._database.execute("UPDATE clients SET spent = spent - ? WHERE name = ?", (images, client))

    def keep(self, client: str, key: str, answer: Answer) -> None:
        """Keep an answer, in case that it gets lost on its way and the client repeats its request."""
        body, headers = answer
        self._database.execute(
            "UPDATE requests SET answer = ?, headers = ? WHERE client = ? AND key = ?",
            (body, json.dumps(headers), client, key),
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _paid(self, client: str, key: str, content: bytes) -> tuple[bool, Answer | None]:
        now = time.time()
        if now > self._pruned + KEPT / 24:
            self._pruned = now
            self._database.execute("DELETE FROM requests WHERE at < ?", (now - KEPT,))
        row = self._database.execute(
            "SELECT content, answer, headers FROM requests WHERE client = ? AND key = ?", (client, key)
        ).fetchone()
        if row is None:
            return False, None
        if row[0] != content:
            raise OtherRequest
        return True, None if row[1] is None else (row[1], json.loads(row[2]))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
