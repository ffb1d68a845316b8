"""The store made smaller, by age and by size, without what results refer to unless that is said."""

import re
import shutil
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from privattack.errors import UserError
from privattack.models.leases import EXPIRES, FolderLease, Lease, owner_of
from privattack.models.object_store import BucketLease, ObjectStore
from privattack.models.store import MODELS, NAME, ModelStore

FINGERPRINT = re.compile(r"\b[0-9a-f]{16}\b")
DAY, GIGABYTE = 86_400, 1e9


@dataclass(frozen=True)
class Entry:
    """A model, or what is left of one.

    Attributes:
        name: a model's fingerprint.
        path: in the store.
        used: when, in seconds; in a bucket, when it was put there.
        size: in bytes.
    """

    name: str
    path: str
    used: float
    size: int


class Shelf(ABC):
    """Where a store keeps what is pruned."""

    @abstractmethod
    def models(self) -> Iterator[Entry]:
        """Yield the models that are there."""

    @abstractmethod
    def leavings(self) -> Iterator[Entry]:
        """Yield what killed processes have left, and damaged models; nothing that a living one is at."""

    @abstractmethod
    def lease(self, entry: Entry) -> Lease:
        """Return the claim under which nobody else is at something."""

    @abstractmethod
    def remove(self, entry: Entry) -> None:
        """Remove something, which no process finds half gone."""

    def removed(self, entry: Entry) -> bool:
        """Remove something, and return whether that was possible: not where a process is at it by now."""
        lease = self.lease(entry)
        if not lease.take(wait=False):
            return False
        try:
            self.remove(entry)
        finally:
            lease.release()
        return True


class Folder(Shelf):
    """A store in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def models(self) -> Iterator[Entry]:
        """Yield models; see the base class."""
        return (self._entry(path.parent) for path in self.folder.glob(MODELS))

    def leavings(self) -> Iterator[Entry]:
        """Yield leavings; see the base class."""
        for pattern in (f"{NAME}.damaged-*", f"{NAME}.lock", ".*.removed*", "claims/*/", "unfinished/*"):
            for path in self.folder.glob(pattern):
                if owner_of(self.folder / "claims" / path.name) is None:
                    yield self._entry(path)

    def lease(self, entry: Entry) -> Lease:
        """Return the claim; see the base class."""
        return FolderLease(self.folder / "claims" / entry.name)

    def remove(self, entry: Entry) -> None:
        """Remove; see the base class."""
        path = Path(entry.path)
        if path.parent == self.folder / "claims":
            return  # it is taken, and goes when it is released
        if path.is_dir():
            away = path.with_name(f".{path.name}.removed-{uuid.uuid4().hex}")
            shutil.rmtree(path.rename(away))
        else:
            path.unlink(missing_ok=True)

    @staticmethod
    def _entry(path: Path) -> Entry:
        size = sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())
        return Entry(path.name, str(path), path.stat().st_mtime, size)


class Bucket(Shelf):
    """A store in a bucket. What machines have fetched from it stays with them."""

    def __init__(self, store: ObjectStore) -> None:
        self.files = store.files
        self.root = store.root

    def models(self) -> Iterator[Entry]:
        """Yield models; see the base class."""
        return self._entries(f"{NAME}.zip")

    def leavings(self) -> Iterator[Entry]:
        """Yield damaged models: claims stay, for their numbers are counted on; see the base class."""
        return self._entries(f"{NAME}.damaged-*")

    def removed(self, entry: Entry) -> bool:
        """Remove; nobody is at a damaged model, whose claim would stay; see the base class."""
        if ".damaged-" not in entry.name:
            return super().removed(entry)
        self.remove(entry)
        return True

    def lease(self, entry: Entry) -> Lease:
        """Return the claim; see the base class."""
        return BucketLease(self.files, f"{self.root}/claims/{entry.name}")

    def remove(self, entry: Entry) -> None:
        """Remove; see the base class."""
        self.files.rm_file(entry.path)

    def _entries(self, pattern: str) -> Iterator[Entry]:
        for path, told in self.files.glob(f"{self.root}/{pattern}", detail=True).items():
            name = path.rpartition("/")[2].removesuffix(".zip")
            yield Entry(name, path, self.files.modified(path).timestamp(), told["size"])


def prune(
    store: ModelStore, *, days: float | None, gigabytes: float | None, results: str, referred: bool, delete: bool
) -> str:
    """Remove models, with `delete`, and return what is removed and what stays, in sentences.

    Args:
        days: those go that were last used longer ago; in a bucket, that were put there.
        gigabytes: then the longest unused go, until no more is left.
        results: the folder below which results lie; models that they refer to stay unless `referred`.

    Raises:
        UserError: nothing says what is to go or what results refer to, or there is no such folder.
    """
    if days is None and gigabytes is None:
        raise UserError("bank.days=null: nothing says which models are to go; set bank.days or bank.gigabytes.")
    if not referred and not Path(results).expanduser().is_dir():
        raise UserError(
            f"bank.results={results}: there is no such folder, so nothing tells which models results refer to; name "
            "the folder of your results, or set bank.referred=true."
        )
    shelf, named = _shelf(store), _named(Path(results).expanduser())
    with store.reached() if isinstance(store, ObjectStore) else nullcontext():
        now, models = time.time(), sorted(shelf.models(), key=lambda entry: entry.used)
        spared = [entry for entry in models if entry.name in named and not referred]
        free = [entry for entry in models if entry not in spared]
        gone = [entry for entry in free if days is not None and entry.used < now - days * DAY]
        size = sum(entry.size for entry in models) - sum(entry.size for entry in gone)
        for entry in free:
            if gigabytes is not None and size > gigabytes * GIGABYTE and entry not in gone:
                gone.append(entry)
                size -= entry.size
        left = [entry for entry in shelf.leavings() if days is not None and entry.used < now - max(days * DAY, EXPIRES)]
        if delete:
            gone, left = ([entry for entry in some if shelf.removed(entry)] for some in (gone, left))
    told = len([entry for entry in gone if entry.name in named])
    verb, remedy = ("are removed", "") if delete else ("would be removed", " Set bank.delete=true to remove them.")
    return (
        f"store={store}: of {len(models)} models ({_size(models)}) {len(gone)} ({_size(gone)}) {verb}, and "
        f"{len(left)} leavings of killed processes ({_size(left)}).{remedy}\n"
        f"results={results}: results refer to {len(named & {entry.name for entry in models})} of them, of which "
        f"{told} {verb}; {len(spared)} stay whatever their age, for bank.referred=false."
    )


def _shelf(store: ModelStore) -> Shelf:
    if isinstance(store, ObjectStore):
        return Bucket(store)
    if not store.folder.is_dir():
        raise UserError(f"store={store}: there is no such folder; name the store.")
    return Folder(store.folder)


def _named(results: Path) -> set[str]:
    """Return every word in results that may be a fingerprint."""
    return {word for path in results.rglob("result.json") for word in FINGERPRINT.findall(path.read_text())}


def _size(entries: list[Entry]) -> str:
    return f"{sum(entry.size for entry in entries) / 1e6:.1f} MB"
