import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from privattack.models import leases
from privattack.models.leases import EXPIRES, FolderLease, owner_of

ELSEWHERE = "node7-0badcafe@1@b0b"  # a process number that is alive on every machine


@pytest.fixture
def place(tmp_path):
    return tmp_path / "claims/model"


@pytest.fixture
def elsewhere(place):
    """Return the file by which a process on another machine has the claim."""
    place.mkdir(parents=True)
    (place / ELSEWHERE).touch()
    return place / ELSEWHERE


def silent(owner: Path) -> None:
    long_past = time.time() - EXPIRES - 5
    os.utime(owner, (long_past, long_past))


def test_one_at_a_time_has_a_claim_and_nothing_is_left_of_it(place):
    first, second = FolderLease(place), FolderLease(place)
    assert first.take(wait=False)
    assert not second.take(wait=False)
    first.release()
    assert second.take(wait=False)
    second.release()
    assert list(place.parent.iterdir()) == []


def hold_and_say(place: Path, held) -> None:
    FolderLease(place).take(wait=False)
    held.set()
    time.sleep(60)


@pytest.mark.parametrize("reaped", [True, False])
def test_the_claim_of_a_killed_process_of_this_machine_is_free_at_once(reaped, place):
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=hold_and_say, args=(place, held))
    process.start()
    assert held.wait(30)
    assert not FolderLease(place).take(wait=False)
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    if reaped:
        process.join()
    assert FolderLease(place).take(wait=False)
    process.join()


def test_a_claim_of_another_machine_holds_until_its_owner_is_silent(place, elsewhere):
    mine = FolderLease(place)
    assert not mine.take(wait=False)
    assert owner_of(place)[:2] == ("node7", 1)
    silent(elsewhere)
    assert mine.take(wait=False)
    assert owner_of(place)[1] == os.getpid()
    assert not FolderLease(place).take(wait=False)  # it is as new as any


def test_who_has_a_claim_is_told_by_the_folders_clock(place, elsewhere, monkeypatch):
    hours_ahead = time.time() + 7_200
    monkeypatch.setattr(time, "time", lambda: hours_ahead)
    assert owner_of(place).silent < 60


def test_who_waits_gets_the_claim_of_an_owner_that_falls_silent(place, elsewhere):
    mine = FolderLease(place)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(mine.take, wait=True)
        time.sleep(0.1)
        assert not taken.done()
        silent(elsewhere)
        assert taken.result(30)


def test_of_many_that_take_a_dead_owners_claim_over_one_has_it(place, elsewhere):
    silent(elsewhere)
    start = threading.Barrier(20)

    def take(_: int) -> bool:
        start.wait()
        return FolderLease(place).take(wait=False)

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(take, range(20))) == 1
    assert len(list(place.iterdir())) == 1


def test_an_owner_shows_that_it_lives(place, monkeypatch):
    monkeypatch.setattr(leases, "HEARTBEAT", 0.01)
    mine = FolderLease(place)
    mine.take(wait=False)
    (owner,) = place.iterdir()
    silent(owner)
    until = time.monotonic() + 30
    while owner_of(place) is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert not FolderLease(place).take(wait=False)


def test_an_owner_whose_claim_was_taken_over_leaves_it_to_the_new_one(place):
    old, new = FolderLease(place), FolderLease(place)
    old.take(wait=False)
    (owner,) = place.iterdir()
    silent(owner)
    assert new.take(wait=False)
    old.release()
    assert not FolderLease(place).take(wait=False)
    new.release()
    assert owner_of(place) is None


def test_an_empty_folder_that_a_killed_process_left_is_no_claim(place):
    place.mkdir(parents=True)
    assert owner_of(place) is None
    assert FolderLease(place).take(wait=False)


def test_where_no_folder_is_renamed_to_an_empty_one_a_claim_is_had_in_the_end(place, monkeypatch):
    def strict(source: Path, goal: Path) -> Path:
        if goal.is_dir():
            raise FileExistsError(17, "File exists", str(goal))
        return rename(source, goal)

    rename = Path.rename
    monkeypatch.setattr(Path, "rename", strict)
    place.mkdir(parents=True)
    assert FolderLease(place).take(wait=True)
