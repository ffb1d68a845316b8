"""Workers of engines killed at random moments: `pytest -s -m slow tests/models/engines/test_killed_workers.py`.

`PRIVATTACK_ENGINE_KILLS` is how many for each engine; `PRIVATTACK_KILL_SEED` chooses the moments. Ray has two nodes on
this host.
"""

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from privattack.models.engines.cluster import Ray
from privattack.models.engines.processes import Processes
from privattack.models.engines.slurm import Submitit
from tests.models.banks import assert_same

pytestmark = pytest.mark.slow

RANDOM = random.Random(int(os.environ.get("PRIVATTACK_KILL_SEED", "0")))
KILLS = int(os.environ.get("PRIVATTACK_ENGINE_KILLS", "4"))
MODELS = 6
LONGEST = 300  # seconds that a bank may take: more is a hang


@pytest.fixture
def engine(request, tmp_path):
    """Return an engine, and a word in the command lines of its workers."""
    if request.param == "processes":
        yield Processes(processes=3), "--multiprocessing-fork"
        return
    pytest.importorskip(request.param)
    if request.param == "submitit":
        yield Submitit(executor="local", folder=str(tmp_path / "jobs"), models=2, retries=100), "submitit.core._submit"
        return
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield Ray(address=cluster.address, retries=100), "ray::train_elsewhere"
    cluster.shutdown()


def workers(word: str) -> Iterator[psutil.Process]:
    for process in psutil.Process().children(recursive=True):
        try:
            if word in " ".join(process.cmdline()):
                yield process
        except psutil.NoSuchProcess:
            continue


def finished(store: Path) -> dict[Path, int]:
    """Return when each model was finished."""
    return {path: path.stat().st_mtime_ns for path in store.glob("*/recipe.json")}


@pytest.mark.parametrize("engine", ["processes", "submitit", "ray"], indirect=True)
def test_a_bank_whose_workers_are_killed_is_the_one_of_those_that_are_not(engine, obtain, tmp_path):
    place, word = engine
    settings = {"count": MODELS, "epochs": 200}
    expected, kills, banks = obtain(**settings, store="alone"), 0, 0
    while kills < KILLS:
        banks, found, killed = banks + 1, [], 0
        store = f"store{banks}"
        run = threading.Thread(
            target=lambda store=store, found=found: found.append(obtain(**settings, store=store, engine=place)),
            daemon=True,
        )
        run.start()
        until, stored = time.monotonic() + LONGEST, {}
        moment = time.monotonic() + RANDOM.uniform(0, 5)
        while run.is_alive():
            assert time.monotonic() < until, "the bank is never done"
            now = finished(tmp_path / store)
            assert stored.items() <= now.items()
            stored = now
            alive = [*workers(word)]
            if killed < 3 and alive and time.monotonic() > moment:
                RANDOM.choice(alive).kill()
                killed, moment = killed + 1, time.monotonic() + RANDOM.uniform(0, 5)
            time.sleep(0.05)
        assert stored.items() <= finished(tmp_path / store).items()
        assert found[0].trained <= MODELS  # a killed worker's may have been finished, and told by nobody
        assert_same(found[0], expected)
        kills += killed
    print(f"{kills} kills of workers, {banks} banks")
