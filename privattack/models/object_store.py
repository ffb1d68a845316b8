"""The store in a bucket, such as s3://bucket/folder: what is fetched from it lies in a folder on this machine.

    <bucket>/<fingerprint>.zip              a model's whole folder, put there only where there is none
             claims/<fingerprint>/<number>  who is training it, by the highest number: its time is the last sign of life
             claims/clock                   written to learn the bucket's time

Of an object store, nothing is asked but that an object appears whole, and that one is put only where there is none
(`If-None-Match`, which S3 has since 2024).
"""

import hashlib
import io
import logging
import shutil
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from privattack.errors import UserError, why
from privattack.models import leases
from privattack.models.damaged import DAMAGED
from privattack.models.store import Claim, ModelStore, StoredModel, fingerprint

log = logging.getLogger(__name__)

CACHE = "~/.cache/privattack"


def open_store(address: str) -> ModelStore:
    """Return the store at an address: a folder, or a bucket where it has a protocol.

    Raises:
        UserError: the bucket cannot be reached.
    """
    return ObjectStore(address) if "://" in address else ModelStore(address)


@contextmanager
def _refused() -> Iterator[None]:
    """Turn what a bucket's client raises into the error of a folder that does not answer."""
    try:
        yield
    except (OSError, UserError):
        raise
    except Exception as error:  # whatever the bucket's client raises
        raise OSError(why(error)) from error


class ObjectStore(ModelStore):
    """A bucket of trained models, shared by any number of machines.

    Args:
        address: such as `s3://bucket/folder`; its keys and its server are told as its client reads them, such as by
            AWS_ENDPOINT_URL.

    Raises:
        UserError: the bucket cannot be reached, or its client is not installed.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(Path(CACHE).expanduser() / hashlib.sha256(address.encode()).hexdigest()[:16])
        with self.reached():
            import fsspec

            self.files, self.root = fsspec.url_to_fs(address, use_listings_cache=False, skip_instance_cache=True)
            self.files.exists(self.root)

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Turn what the bucket's client raises meanwhile into a sentence."""
        try:
            yield
        except UserError:
            raise
        except ImportError as error:
            raise UserError(f"store={self}: {error}; pip install 'privattack[s3]' brings what S3 needs.") from error
        except Exception as error:  # whatever the bucket's client raises
            raise UserError(
                f"store={self}: cannot be reached ({why(error)}); name a bucket that is there, and its keys."
            ) from error

    def __str__(self) -> str:
        return self.address

    def __reduce__(self) -> tuple[type["ObjectStore"], tuple[str]]:
        """Be opened anew on another machine, where the home is another."""
        return ObjectStore, (self.address,)

    def absolute(self) -> ModelStore:
        """Return itself; see the base class."""
        return self

    def find(self, recipe: Mapping[str, Any]) -> StoredModel | None:
        """Return a model, fetched where it is not on this machine; see the base class."""
        name = fingerprint(recipe)
        if (found := super().find(recipe)) is not None:
            self._send_late(name)
            return found
        with self.reached():
            return super().find(recipe) if self._fetch(name) else None

    def holds(self, name: str) -> bool:
        """Say whether a model is here or there; see the base class."""
        with self.reached():
            return super().holds(name) or self.files.exists(self._object(name))

    @contextmanager
    def claim(self, recipe: Mapping[str, Any], *, wait: bool = True) -> Iterator[Claim | None]:
        """Keep every other process on any machine from training a model; see the base class."""
        name = fingerprint(recipe)
        with super().claim(recipe, wait=wait) as here:
            if here is None or here.stored is not None:
                if here is not None:
                    self._send_late(name)
                yield here
                return
            everywhere = BucketLease(self.files, f"{self.root}/claims/{name}")
            with self._writing():
                held = everywhere.take(wait=wait)
            if not held:
                yield None
                return
            try:
                with self.reached():
                    stored = self._trained_meanwhile(name)
                yield replace(here, stored=stored, held=everywhere.held)
            finally:
                everywhere.release()

    def _trained_meanwhile(self, name: str) -> StoredModel | None:
        """Return a model that another machine has put there, unless it is damaged and so put aside."""
        if self._fetch(name) and (found := self._read(self.folder / name, put_aside=True)) is not None:
            return found
        if self.files.exists(self._object(name)):
            self.files.mv(self._object(name), f"{self.root}/{name}.damaged-{time.time_ns()}")
        return None

    def owner_of(self, name: str) -> leases.Owner | None:
        """Return who is training a model; see the base class."""
        with self.reached():
            return BucketLease(self.files, f"{self.root}/claims/{name}").held_by()

    def publish(self, written: Path, name: str) -> None:
        """Put a model into the bucket, and only then where it would be found here; see the base class.

        Where it cannot be put there, it is kept here, and put there when it is next asked for.
        """
        unsent = self._unsent(name)
        unsent.parent.mkdir(parents=True, exist_ok=True)
        unsent.touch()
        try:
            self._send(written, name)
        except OSError as error:
            log.warning("store=%s: the model %s could not be put there (%s); it is kept in %s on this machine, and put "
                        "there when it is next asked for here.", self, name, why(error), self.folder)  # fmt: skip
        super().publish(written, name)

    def _send_late(self, name: str) -> None:
        """Put a model into the bucket that could not be put there when it was trained."""
        if self._unsent(name).exists():
            with suppress(OSError):  # said when it was trained
                self._send(self.folder / name, name)

    @_refused()
    def _send(self, folder: Path, name: str) -> None:
        """Put a model into the bucket; where there is one, as this process was thought dead, fetch that."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
        try:
            self.files.pipe_file(self._object(name), content.getvalue(), mode="create")
        except FileExistsError:
            if not self._fetch(name):  # it is damaged
                return
        self._unsent(name).unlink(missing_ok=True)

    @_refused()
    def _fetch(self, name: str) -> bool:
        """Bring a model to this machine, and say whether it is there now."""
        try:
            content = self.files.cat_file(self._object(name))
        except FileNotFoundError:
            return False
        fetched = self.folder / f".{uuid.uuid4().hex}"
        try:
            with self._writing(), zipfile.ZipFile(io.BytesIO(content)) as archive:
                fetched.mkdir(parents=True)
                archive.extractall(fetched)
                super().publish(fetched, name)
        except DAMAGED:
            return False
        finally:
            shutil.rmtree(fetched, ignore_errors=True)
        return True

    def _unsent(self, name: str) -> Path:
        """Return the empty file that says that a model is here and not in the bucket."""
        return self.folder / "unsent" / name

    def _object(self, name: str) -> str:
        return f"{self.root}/{name}.zip"


class BucketLease(leases.Lease):
    """A claim in a bucket: whoever puts the next number there has it.

    Args:
        files: the bucket's file system, of fsspec.
        place: the claim's own prefix.
    """

    def __init__(self, files: Any, place: str) -> None:
        super().__init__()
        self.files = files
        self.place = place
        self._mine = ""

    def held_by(self) -> leases.Owner | None:
        """Return who has it; None where nobody has, or whoever had is dead."""
        return self._by(max(self._numbers(), default=0), self._readers_now)

    def _by(self, last: int, now: Callable[[], float]) -> leases.Owner | None:
        owner = self.files.cat_file(self._at(last)).decode() if last else ""
        if owner == "" or leases.gone(owner):
            return None
        silent = now() - self.files.modified(self._at(last)).timestamp()
        return None if silent > leases.EXPIRES else leases.Owner.of(owner, silent)

    def _now(self) -> float:
        """Return the time by the clock that other owners' claims have their times from."""
        clock = f"{self.place.rpartition('/')[0]}/clock"
        self.files.pipe_file(clock, b"")
        return float(self.files.modified(clock).timestamp())

    def _readers_now(self) -> float:
        """Return the same time; this machine's where nothing may be written."""
        with suppress(OSError), _refused():
            return self._now()
        return time.time()

    @_refused()
    def _try(self) -> bool:
        last = max(self._numbers(), default=0)
        if self._by(last, self._now) is not None:
            return False
        mine = self._at(last + 1)
        try:
            self.files.pipe_file(mine, self.owner.encode(), mode="create")
        except FileExistsError:  # another was faster, or it is this one, whose answer was lost
            if self.files.cat_file(mine).decode() != self.owner:
                return False
        self._mine = mine
        return True

    def _numbers(self) -> list[int]:
        try:
            return [int(path.rpartition("/")[2]) for path in self.files.ls(self.place, detail=False)]
        except FileNotFoundError:
            return []

    def _at(self, number: int) -> str:
        return f"{self.place}/{number:06}"

    @_refused()
    def held(self) -> bool:
        """Say whether it still has the claim; see the base class."""
        return self._at(max(self._numbers(), default=0)) == self._mine

    @_refused()
    def _show_life(self) -> None:
        self.files.pipe_file(self._mine, self.owner.encode())

    @_refused()
    def _drop(self) -> None:
        """Leave an empty object: were it removed, two might find the same number free, one of them late."""
        self.files.pipe_file(self._mine, b"")
