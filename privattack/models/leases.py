"""Leases: claims on work that expire, in a folder that many machines share: only `rename` need be atomic there.

    <claims>/<name>/<machine>@<process>@<number>    who is at it; its time is the owner's last sign of life

Neither file locks nor exclusive creation nor hard links are used: network file systems ignore them, keep those of the
dead, or get them wrong. A claim is taken by renaming a folder to where there is none, or an empty one; it is taken over
from a dead owner by renaming the owner's file, and of several that try one succeeds. A rename that was done and whose
answer was lost is seen by where its folder is. An owner is dead where its process is gone, on this machine, or where
its last sign of life is long past.
"""

import errno
import getpass
import hashlib
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil

log = logging.getLogger(__name__)

HEARTBEAT = 10.0  # seconds between two signs of life
EXPIRES = 120.0  # seconds after the last one; longer than network file systems keep a time from each other
LONGEST_PAUSE = 2.0  # seconds between two looks at another's claim

OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY)


class Lease(ABC):
    """The right to one piece of work, which one process at a time has.

    Attributes:
        owner: who this is: a machine, a process and a number.
    """

    def __init__(self) -> None:
        self.owner = f"{_here()}@{os.getpid()}@{uuid.uuid4().hex}"
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._live, daemon=True)

    def take(self, *, wait: bool) -> bool:
        """Take the claim and return True; where another has it, wait for it, or with `wait=False` return False.

        Raises:
            OSError: the place where claims are cannot be written.
        """
        began, pause = time.monotonic(), 0.05
        while not self._try():
            if not wait:
                return False
            if time.monotonic() - began > 1:
                log.info("Another process is training this model; waiting for it.")
                began = float("inf")
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE)
        self._heart.start()
        return True

    def release(self) -> None:
        """Let others have it."""
        self._released.set()
        self._heart.join()  # a sign of life on its way would bring the claim back
        with suppress(OSError):  # it is another's by now
            self._drop()

    @abstractmethod
    def held(self) -> bool:
        """Say whether it still has the claim, which another takes over where this process seems to be dead."""

    def _live(self) -> None:
        while not self._released.wait(HEARTBEAT):
            with suppress(OSError):  # the place is away for a moment, or the claim is another's by now
                self._show_life()

    @abstractmethod
    def _try(self) -> bool:
        """Take the claim, from a dead owner where there is one; return False where a living one has it."""

    @abstractmethod
    def _show_life(self) -> None:
        """Let others see that the owner lives."""

    @abstractmethod
    def _drop(self) -> None:
        """Leave the claim."""


class FolderLease(Lease):
    """A claim in a folder.

    Args:
        place: the claim's own folder; those above it are made.
    """

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place
        self._mine = place / self.owner

    def _try(self) -> bool:
        beside = self.place.with_name(f".{self.owner}")
        beside.mkdir(parents=True, exist_ok=True)
        try:
            (beside / self.owner).touch()
            now = (beside / self.owner).stat().st_mtime  # by the clock that other owners' files have their times from
            try:
                beside.rename(self.place)
                return True
            except OSError as error:
                if self.held():  # a network file system has renamed it, and says that it was not there
                    return True
                if error.errno not in OCCUPIED:
                    raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        with suppress(FileNotFoundError):  # another was faster, or this one, as above
            return self._take_over(now)
        return self.held()

    def _take_over(self, now: float) -> bool:
        for other in self.place.iterdir():
            if not _dead(other, now):
                return False
            os.utime(other)  # first, so that nobody finds the claim under its new name with its old time
            other.rename(self._mine)
            return True
        with suppress(OSError):  # where no folder is renamed to an empty one
            self.place.rmdir()
        return False

    def held(self) -> bool:
        """Say whether it still has the claim; see the base class."""
        return self._mine.exists()

    def _show_life(self) -> None:
        os.utime(self._mine)

    def _drop(self) -> None:
        self._mine.unlink()
        self.place.rmdir()


class Owner(NamedTuple):
    """The machine and the process that are at a piece of work, and seconds since their last sign of life."""

    machine: str
    process: int
    silent: float

    @classmethod
    def of(cls, owner: str, silent: float) -> "Owner":
        """Return who a lease's owner is."""
        machine, process, _ = owner.split("@")
        return cls(machine.rpartition("-")[0], int(process), silent)


def owner_of(place: Path) -> Owner | None:
    """Return who is at a piece of work; None where nobody is, or whoever was is dead."""
    with suppress(FileNotFoundError):
        for owner in place.iterdir():
            now = _now(place.parent)
            return None if _dead(owner, now) else Owner.of(owner.name, now - owner.stat().st_mtime)
    return None


def _now(folder: Path) -> float:
    """Return the time by the clock that files there have their times from; this machine's where nothing is written."""
    with suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime
    return time.time()


def _dead(owner: Path, now: float) -> bool:
    return now - owner.stat().st_mtime > EXPIRES or gone(owner.name)


def gone(owner: str) -> bool:
    """Say whether a claim's owner is a process of this machine that is no more."""
    machine, process, _ = owner.split("@")
    if machine != _here():
        return False
    try:
        return psutil.Process(int(process)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@cache
def _here() -> str:
    """Say where numbers of processes mean what they mean here: a machine since its start, a container, a user."""
    told = [str(getattr(os, "getuid", getpass.getuser)())]
    try:  # what only Linux has
        told += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    except OSError:
        told.append(f"{uuid.getnode():x}")
    return f"{socket.gethostname()}-{hashlib.sha256(repr(told).encode()).hexdigest()[:8]}"
