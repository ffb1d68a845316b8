"""The store made smaller, by age and by size, without what results refer to unless that is said."""

import re
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from privattack.errors import UserError
from privattack.models.leases import EXPIRES, FolderLease, owner_of
from privattack.models.store import MODELS

FINGERPRINT = re.compile(r"\b[0-9a-f]{16}\b")
DAY, GIGABYTE = 86_400, 1e9


@dataclass(frozen=True)
class Entry:
    """A model, or what is left of one."""

    path: Path
    used: float
    size: int


def prune(
    folder: Path, *, days: float | None, gigabytes: float | None, results: str, referred: bool, delete: bool
) -> str:
    """Remove models, with `delete`, and return what is removed and what stays, in sentences.

    Args:
        days: those go that were last used longer ago.
        gigabytes: then the longest unused go, until no more is left.
        results: the folder below which results lie; models that they refer to stay unless `referred`.

    Raises:
        UserError: nothing says what is to go or what results refer to, or there is no such folder.
    """
    if days is None and gigabytes is None:
        raise UserError("bank.days=null: nothing says which models are to go; set bank.days or bank.gigabytes.")
    if not folder.is_dir():
        raise UserError(f"store={folder}: there is no such folder; name the store.")
    if not referred and not Path(results).expanduser().is_dir():
        raise UserError(
            f"bank.results={results}: there is no such folder, so nothing tells which models results refer to; name "
            "the folder of your results, or set bank.referred=true."
        )
    now, named = time.time(), _named(Path(results).expanduser())
    models = sorted(_models(folder), key=lambda entry: entry.used)
    spared = [entry for entry in models if entry.path.name in named and not referred]
    free = [entry for entry in models if entry not in spared]
    gone = [entry for entry in free if days is not None and entry.used < now - days * DAY]
    size = sum(entry.size for entry in models) - sum(entry.size for entry in gone)
    for entry in free:
        if gigabytes is not None and size > gigabytes * GIGABYTE and entry not in gone:
            gone.append(entry)
            size -= entry.size
    left = [entry for entry in _leavings(folder) if days is not None and entry.used < now - max(days * DAY, EXPIRES)]
    if delete:
        gone, left = ([entry for entry in some if _removed(entry.path, folder / "claims")] for some in (gone, left))
    told = len([entry for entry in gone if entry.path.name in named])
    verb, remedy = ("are removed", "") if delete else ("would be removed", " Set bank.delete=true to remove them.")
    return (
        f"store={folder}: of {len(models)} models ({_size(models)}) {len(gone)} ({_size(gone)}) {verb}, and "
        f"{len(left)} leavings of killed processes ({_size(left)}).{remedy}\n"
        f"results={results}: results refer to {len(named & {entry.path.name for entry in models})} of them, of which "
        f"{told} {verb}; {len(spared)} stay whatever their age, for bank.referred=false."
    )


def _models(folder: Path) -> Iterator[Entry]:
    for path in folder.glob(MODELS):
        yield Entry(path.parent, path.parent.stat().st_mtime, _bytes(path.parent))


def _leavings(folder: Path) -> Iterator[Entry]:
    """Yield what killed processes have left, and damaged models; nothing that a living one is at."""
    for path in [
        *folder.glob("*.damaged-*"),
        *folder.glob("*.lock"),
        *folder.glob(".*.removed*"),
        *folder.glob("claims/*"),
        *folder.glob("unfinished/*"),
    ]:
        if owner_of(folder / "claims" / path.name) is None:
            yield Entry(path, path.stat().st_mtime, _bytes(path))


def _named(results: Path) -> set[str]:
    """Return every word in results that may be a fingerprint."""
    return {word for path in results.rglob("result.json") for word in FINGERPRINT.findall(path.read_text())}


def _removed(path: Path, claims: Path) -> bool:
    """Remove a model, or another thing, which no process finds half gone; return False where one is at it by now."""
    lease = FolderLease(claims / path.name)
    if not lease.take(wait=False):
        return False
    try:
        if path.is_dir() and path.parent != claims:  # a claim is taken, and goes when it is released
            away = path.with_name(f".{path.name}.removed-{uuid.uuid4().hex}")
            shutil.rmtree(path.rename(away))
        elif path.parent != claims:
            path.unlink(missing_ok=True)
    finally:
        lease.release()
    return True


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())


def _size(entries: list[Entry]) -> str:
    return f"{sum(entry.size for entry in entries) / 1e6:.1f} MB"
