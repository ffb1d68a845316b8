"""The files that data sets are read from: checked before they are used, fetched where they are missing.

torchvision itself asks only whether a file exists, unpacks straight over what lies there, and waits as
long as the network lets it. Here a file is whole or named in an error, and a download appears at once
or not at all.
"""

import errno
import gzip
import logging
import os
import shutil
import socket
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from math import prod
from pathlib import Path
from typing import IO, NamedTuple

from filelock import FileLock
from torchvision.datasets.utils import calculate_md5, download_url

from privattack.errors import UserError

NETWORK_TIMEOUT = 10.0  # seconds without a byte
IDX_UINT8 = 0x0800  # an IDX file's first four bytes as a number: this plus how many dimensions it has

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceFile:
    """One file of a data set and the archive that holds it, both relative to the data set's root.

    `archive` equals `path` where the file is read as it was fetched. `md5` is the file's, None where none
    was ever published; `archive_md5` is the archive's, which lies at each of `urls`.
    """

    path: str
    archive: str
    urls: tuple[str, ...]
    archive_md5: str
    md5: str | None = None


class FileVersion(NamedTuple):
    """A file as it is on disk now: size in bytes, time of change in nanoseconds. A key for caches."""

    path: Path
    size: int
    modified: int


def obtain(files: Sequence[SourceFile], *, root: str, download: bool, verify: bool, instead: str) -> list[FileVersion]:
    """Return `files` under `root`, each present and whole; fetch those that are missing if `download`.

    Every file is checked by the size that its header promises and, if `verify`, by its md5 where one is
    known. A whole archive that already lies under `root` is unpacked without any network. `instead` tells
    what works without the files and ends each error's sentence.

    Raises:
        UserError: A file is missing and cannot be fetched, or is damaged. A damaged file stays as it is.
    """
    folder = Path(root).expanduser()
    versions = []
    for file in files:
        source = f"{file.urls[0]} (md5 {file.archive_md5})"
        try:
            if not os.path.isfile(folder / file.path):
                _fetch(file, folder, download=download, verify=verify)
            status = (folder / file.path).stat()
            version = FileVersion(folder / file.path, status.st_size, status.st_mtime_ns)
            _check(version, file.md5 if verify else None)
        except _Fault as fault:
            raise UserError(
                f"{fault.path or file.path} under data.root={folder} {fault}: {fault.remedy}get {source} "
                f"and put it at {folder / file.archive}, or go on without it: {instead}"
            ) from fault
        except OSError as error:
            there = os.path.isfile(folder / file.path)
            what = "cannot be read" if there else "is missing and cannot be put there"
            raise UserError(
                f"{file.path} under data.root={folder} {what} ({error}): set data.root to a folder that you "
                f"can read and write, or get {source} and unpack it to {folder / file.path}, "
                f"or go on without it: {instead}"
            ) from error
        versions.append(version)
    return versions


class _Fault(Exception):
    """What is wrong with a file, as the middle of a sentence; `path` where it is not the file asked for."""

    def __init__(self, what: str, *, remedy: str = "", path: str | None = None) -> None:
        super().__init__(what)
        self.remedy = remedy
        self.path = path


def _damaged(why: str, *, path: str | None = None) -> _Fault:
    return _Fault(f"is damaged ({why})", remedy="delete it, then ", path=path)


@lru_cache(maxsize=256)
def _check(version: FileVersion, md5: str | None) -> None:
    """Check one version of a file, once in a process."""
    if is_idx := version.path.name.endswith("-ubyte"):
        expected = _idx_size(version.path)
        if version.size != expected:
            raise _damaged(f"it has {version.size} bytes, its header promises {expected}")
    elif version.size == 0:
        raise _damaged("it is empty")
    if md5 is not None and (found := calculate_md5(version.path)) != md5:
        own = ", which verify=false lets pass if the file is your own" if is_idx else ""
        raise _damaged(f"its md5 is {found} instead of {md5}{own}")


def _idx_size(path: Path) -> int:
    """Return the size in bytes that the header of an IDX file of 28x28 images, or of labels, promises."""
    image = [28, 28] if "-images-" in path.name else []
    numbers = 2 + len(image)  # the magic number, how many images or labels, the shape of each
    with path.open("rb") as opened:
        header = opened.read(4 * numbers)
    if len(header) < 4 * numbers or int.from_bytes(header[:4], "big") != IDX_UINT8 + numbers - 1:
        raise _damaged("it does not begin like an IDX file of this kind")
    shape = [int.from_bytes(header[at : at + 4], "big") for at in range(4, 4 * numbers, 4)]
    if shape[0] == 0 or shape[1:] != image:
        raise _damaged(f"its header promises the shape {shape}")
    return 4 * numbers + prod(shape)


def _fetch(file: SourceFile, folder: Path, *, download: bool, verify: bool) -> None:
    """Bring `file` into `folder`, from its archive there or from the network, one process at a time."""
    path, archive = folder / file.path, folder / file.archive
    if not download and not archive.is_file():
        raise _Fault("is missing, and download=false forbids fetching it")
    for needed in (folder, path.parent):
        _respect_write_protection(needed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".download.lock"):
        if path.is_file():  # another process was faster
            return
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial-") as partial:
            if not archive.is_file():
                os.replace(_download(file, partial), archive)
            elif verify and (found := calculate_md5(archive)) != file.archive_md5:
                raise _damaged(f"its md5 is {found} instead of {file.archive_md5}", path=file.archive)
            if archive != path:
                os.replace(_unpack(file, archive, partial), path)


def _respect_write_protection(folder: Path) -> None:
    """Refuse a folder that nobody may write to: the superuser could, against its owner's will."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not existing.stat().st_mode & 0o222:
        raise PermissionError(errno.EACCES, "Write-protected", str(existing))


def _download(file: SourceFile, partial: str) -> Path:
    """Download the archive of `file` into the folder `partial`, from the first address that answers."""
    for url in file.urls:
        log.info("Downloading %s", url)
        try:
            with _network_timeout():
                download_url(url, partial, Path(file.archive).name, file.archive_md5)
            return Path(partial, Path(file.archive).name)
        except (OSError, RuntimeError, HTTPException) as error:
            reason = getattr(error, "reason", error)
    raise _Fault(f"is missing and could not be downloaded ({reason})")


@contextmanager
def _network_timeout() -> Iterator[None]:
    """Let network calls fail after `NETWORK_TIMEOUT`: torchvision sets none, and has no setting for it."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _unpack(file: SourceFile, archive: Path, partial: str) -> Path:
    """Unpack `file` into the folder `partial`.

    An archive is a gzip, CIFAR's gzipped tar, or EMNIST's zip of one gzip per file.
    """
    name = Path(file.path).name
    unpacked = Path(partial, name)
    try:
        with ExitStack() as stack:
            packed: IO[bytes] = stack.enter_context(archive.open("rb"))
            if archive.suffix == ".zip":
                members = stack.enter_context(zipfile.ZipFile(packed))
                packed = stack.enter_context(members.open(f"gzip/{name}.gz"))
            source: IO[bytes] | gzip.GzipFile | None
            if archive.name.endswith(".tar.gz"):
                source = stack.enter_context(tarfile.open(fileobj=packed)).extractfile(file.path)
            else:
                source = stack.enter_context(gzip.open(packed))
            if source is None:
                raise KeyError(file.path)
            with unpacked.open("wb") as target:
                shutil.copyfileobj(source, target)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, KeyError) as error:
        raise _damaged(f"{name} cannot be unpacked from it", path=file.archive) from error
    return unpacked
