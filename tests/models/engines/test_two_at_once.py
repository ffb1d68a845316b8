"""Two engines at work on one store at once; by name, `pytest -m slow tests/models/engines/test_two_at_once.py`."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
import torch

from privattack.models import shadow_bank
from privattack.models.engines.cluster import Ray
from privattack.models.engines.processes import Processes
from privattack.models.engines.slurm import Submitit
from privattack.models.shadow_training import Outcome, Task, Workshop, train_these
from tests.models.banks import assert_same

MODELS = 12


def once_all_are_there(
    tasks: Sequence[Task], device: torch.device, *, workshop: Workshop, wait: bool, places: Sequence[Path]
) -> Iterator[Outcome]:
    """Train, in a worker of one engine, as soon as the other has a worker, too."""
    places[0].touch()
    while not all(place.exists() for place in places):
        time.sleep(0.01)
    yield from train_these(tasks, device, workshop=workshop, wait=wait)


@pytest.mark.slow
@pytest.mark.parametrize("pair", [("processes", "submitit"), ("processes", "ray"), ("submitit", "ray")], ids="-".join)
def test_two_engines_on_one_store_train_each_model_once(pair, obtain, tmp_path):
    for name in pair:
        if name != "processes":
            pytest.importorskip(name)
    engines = {
        "processes": Processes(processes=2),
        "submitit": Submitit(executor="local", folder=str(tmp_path / "jobs"), models=2),
        "ray": Ray(cpus=0.5),
    }
    settings = {"count": MODELS, "epochs": 200}
    context = multiprocessing.get_context("fork")
    trained = context.SimpleQueue()

    def run(name: str, other: str) -> None:
        places = [tmp_path / name, tmp_path / other]
        shadow_bank.train_these = partial(once_all_are_there, places=places)  # in this process alone
        trained.put((name, obtain(**settings, engine=engines[name]).trained))

    runs = [context.Process(target=run, args=names) for names in (pair, pair[::-1])]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    counts = dict(trained.get() for _ in runs)
    print(counts)
    assert sum(counts.values()) == MODELS  # who trains how many depends on chance; both were there before the first
    together = obtain(**settings)
    assert together.trained == 0
    assert_same(together, obtain(**settings, store="alone"))
