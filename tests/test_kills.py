"""Kills at random moments, of shadow workers and of whole runs; by name, `pytest -m slow tests/test_kills.py`.

`PRIVATTACK_WORKER_KILLS` and `PRIVATTACK_RUN_KILLS` are how many; `PRIVATTACK_KILL_SEED` chooses the moments.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import comparable

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes where Linux has them"),
]

ROOT = Path(__file__).parents[1]
MODELS = 6
SETTINGS = (
    "data=digits", "target=mlp", "target.train_size=200", "target.epochs=20", "trainer=cpu", "nonmembers=holdout",
    "attack=lira", "repetitions=1", "budget=200", f"shadow.count={MODELS}", "shadow.processes=3",
)  # fmt: skip
LONGEST = 300  # seconds that a run may take: more is a hang
# What Python itself says in a child whose parent was killed before it had written to it what to do.
ORPHANED = (
    r"Traceback .*\n(  .*\n)*  .* in spawn_main\n(  .*\n)*(EOFError: Ran out of input|.*pickle data was truncated)\n"
)
RANDOM = random.Random(int(os.environ.get("PRIVATTACK_KILL_SEED", "0")))


def asked_for(name: str, few: int) -> int:
    return int(os.environ.get(f"PRIVATTACK_{name}_KILLS", few))


def start(folder: Path, name: str, *overrides: str) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "run.py"), *SETTINGS, f"hydra.run.dir={name}", "store=store", *overrides]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / f"{name}.out").open("w") as output:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def members(session: int) -> Iterator[tuple[int, str]]:
    """Yield the number and the command line of every living process that a run has started, itself included."""
    for place in Path("/proc").iterdir():
        try:
            state, _, _, its_session = (place / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                yield int(place.name), (place / "cmdline").read_text()
        except (OSError, ValueError):  # no process, or one that ended meanwhile
            continue


def said_in(folder: Path, name: str, *, killed: bool = False) -> str:
    """Return what a run said, which holds no traceback: of a killed one, none but the interpreter's in its children."""
    said = (folder / f"{name}.out").read_text()
    left = re.sub(ORPHANED, "", said) if killed else said
    assert "Traceback" not in left, said
    return said


def ended(process: subprocess.Popen, folder: Path, name: str) -> dict[str, Any]:
    """Wait for a run to end well and return its result."""
    process.wait(LONGEST)
    assert process.returncode == 0, said_in(folder, name)
    said_in(folder, name)
    return comparable(json.loads((folder / name / "result.json").read_text()))


def stored(folder: Path) -> dict[str, int]:
    """Return when each model in the store was finished."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("store/*/recipe.json")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], float]:
    """Return the result of a run that nobody kills, and how long it took."""
    folder, before = tmp_path_factory.mktemp("whole"), time.monotonic()
    return ended(start(folder, "run"), folder, "run"), time.monotonic() - before


def test_a_run_whose_shadow_workers_are_killed_ends_as_if_they_were_not(whole, tmp_path):
    expected, _ = whole
    kills, runs = 0, 0
    while kills < asked_for("WORKER", 6):
        folder = tmp_path / str(runs)
        folder.mkdir()
        process, runs, killed = start(folder, "run"), runs + 1, 0
        moments = sorted(RANDOM.uniform(0, 6) for _ in range(RANDOM.randint(1, 3)))  # seconds after the first is there
        first = None
        while process.poll() is None and moments:
            workers = [number for number, command in members(process.pid) if "--multiprocessing-fork" in command]
            first = first or (time.monotonic() if workers else None)
            if first and workers and time.monotonic() - first >= moments[0]:
                os.kill(RANDOM.choice(workers), signal.SIGKILL)
                killed += 1
                del moments[0]
            time.sleep(0.01)
        assert ended(process, folder, "run") == expected
        assert len(stored(folder)) == MODELS + 1
        assert not list(folder.glob("store/*.damaged-*"))
        assert said_in(folder, "run").count("was killed (exit status -9)") <= killed
        kills += killed
    print(f"{kills} kills of workers in {runs} runs")


def test_runs_that_are_killed_lose_nothing_and_train_nothing_twice(whole, tmp_path):
    expected, seconds = whole
    kills, attempts, finished, orphaned, name = 0, 0, 0, 0, "run"
    before: dict[str, int] = {}
    while kills < asked_for("RUN", 8) or not finished:
        attempts += 1
        name = f"run{attempts}"
        process, began = start(tmp_path, name, f"seed={finished}"), time.monotonic()
        try:
            process.wait(RANDOM.uniform(0.05, 1.1) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        until = time.monotonic() + 30
        while alive := [*members(process.pid)]:
            assert time.monotonic() < until, f"the run was killed, and its processes go on: {alive}"
            time.sleep(0.1)
        orphaned += bool(re.search(ORPHANED, said_in(tmp_path, name, killed=True)))
        now = stored(tmp_path)
        assert before.items() <= now.items()
        before = now
        if (tmp_path / name / "result.json").exists() and process.returncode == 0:
            if finished == 0:
                assert comparable(json.loads((tmp_path / name / "result.json").read_text())) == expected
            finished += 1
            seconds = time.monotonic() - began  # the machine may be busier, or less, than before
    assert not list(tmp_path.glob("store/*.damaged-*"))
    print(f"{kills} kills of runs, {attempts} attempts, {finished} finished, {orphaned} left an orphan's EOFError")
