"""Claims on work, in a folder that many machines may share: nothing but `rename` need be atomic there.

    <claims>/<name>/<machine>@<process>@<number>    who is at it; its time is the owner's last sign of life

File locks are not used: network file systems ignore them, or keep those of the dead. A claim is taken by renaming a
folder to where there is none, or an empty one; it is taken over from a dead owner by renaming the owner's file, and of
several that try one succeeds. An owner is dead where its process is gone, on this machine, or where its last sign of
life is long past.
"""

import errno
import getpass
import hashlib
import logging
import os
import shutil
import socket
import threading
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

HEARTBEAT = 10.0  # seconds between two signs of life
EXPIRES = 120.0  # seconds after the last one; longer than network file systems keep a time from each other
LONGEST_PAUSE = 2.0  # seconds between two looks at another's claim

OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY)


class Claim:
    """The right to one piece of work, which one process at a time has.

    Args:
        place: the claim's own folder; those above it are made.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._mine = place / f"{_here()}@{os.getpid()}@{uuid.uuid4().hex}"
        self._released = threading.Event()

    def take(self, *, wait: bool) -> bool:
        """Take the claim and return True; where another has it, wait for it, or with `wait=False` return False.

        Raises:
            OSError: the folder cannot be written.
        """
        beside = self.place.with_name(f".{self._mine.name}")
        beside.mkdir(parents=True)
        try:
            began, pause = time.monotonic(), 0.05
            while not self._try(beside):
                if not wait:
                    return False
                if time.monotonic() - began > 1:
                    log.info("Another process is training this model; waiting for it.")
                    began = float("inf")
                time.sleep(pause)
                pause = min(1.5 * pause, LONGEST_PAUSE)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        threading.Thread(target=self._live, daemon=True).start()
        return True

    def release(self) -> None:
        """Let others have it."""
        self._released.set()
        with suppress(OSError):  # it is another's by now
            self._mine.unlink()
            self.place.rmdir()

    def _try(self, beside: Path) -> bool:
        mine = beside / self._mine.name
        mine.touch()
        now = mine.stat().st_mtime  # by the clock that other owners' files have their times from
        try:
            beside.rename(self.place)
            return True
        except OSError as error:
            if error.errno not in OCCUPIED:
                raise
        with suppress(FileNotFoundError):  # another was faster
            return self._take_over(now)
        return False

    def _take_over(self, now: float) -> bool:
        for other in self.place.iterdir():
            if other == self._mine:  # renamed, and a network file system has said that it was not
                return True
            if not _dead(other, now):
                return False
            os.utime(other)  # first, so that nobody finds the claim under its new name with its old time
            other.rename(self._mine)
            return True
        with suppress(OSError):  # where no folder is renamed to an empty one
            self.place.rmdir()
        return False

    def _live(self) -> None:
        while not self._released.wait(HEARTBEAT):
            with suppress(OSError):  # the file system is away for a moment, or the claim is another's by now
                os.utime(self._mine)


def owner_of(place: Path) -> tuple[str, int, float] | None:
    """Return the machine and the process that are at a piece of work, and seconds since its last sign of life."""
    with suppress(FileNotFoundError):
        for owner in place.iterdir():
            machine, process, _ = owner.name.split("@")
            return machine.rpartition("-")[0], int(process), time.time() - owner.stat().st_mtime
    return None


def _dead(owner: Path, now: float) -> bool:
    if now - owner.stat().st_mtime > EXPIRES:
        return True
    machine, process, _ = owner.name.split("@")
    if machine != _here():
        return False
    try:
        return psutil.Process(int(process)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@cache
def _here() -> str:
    """Say where numbers of processes mean what they mean here: a machine since its start, a container, a user."""
    told = [getpass.getuser()]
    with suppress(OSError):  # what only Linux has
        told += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return f"{socket.gethostname()}-{hashlib.sha256(repr(told).encode()).hexdigest()[:8]}"
