"""Plans against runs, on a machine with nothing else to do: `pytest -s -m slow tests/models/test_planning.py`."""

import re
import time
from dataclasses import replace

import pytest
import torch

from privattack.data.sources import digits
from privattack.models.architecture import Architecture
from privattack.models.devices import name_of
from privattack.models.engines.processes import Processes, cores
from privattack.models.engines.slurm import Submitit
from privattack.models.networks import LeNet
from privattack.models.planning import plan
from privattack.models.recipes import Supervised
from privattack.models.shadow_bank import BankOrder, BankSettings
from privattack.models.store import ModelStore
from tests.models.banks import CPU

MODELS = 16


def lenet() -> LeNet:
    return LeNet(classes=10)


def planned(order: BankOrder, workers: int | None = None) -> float:
    """Return how many seconds a plan tells, for this machine or for a cluster of workers like this machine's cores."""
    told = plan(order, workers=workers, name="ours", device=name_of(CPU), speed=1.0, start=None, price=1.0)
    print(told)
    return float(re.findall(r"\((\d+) s\)", told)[-1])


@pytest.mark.slow
def test_a_bank_takes_what_is_planned_here_and_by_jobs(tmp_path):
    data = digits()
    recipe = Supervised(lr=1.0, gamma=1.0, epochs=30, batch_size=64)
    here, jobs = Processes(), Submitit(executor="local", folder=str(tmp_path / "jobs"), models=MODELS // cores())
    order = BankOrder(
        Architecture(lenet, {}, data.mean, data.std),
        data,
        data.train.take(torch.arange(400)),
        BankSettings(MODELS, recipe, 0, here),
        store=ModelStore(tmp_path / "store"),
        device=CPU,
    )
    for seed, (engine, workers) in enumerate([(here, None), (here, None), (jobs, cores())]):
        wanted = replace(order, settings=replace(order.settings, seed=seed, engine=engine))
        expected, began = planned(wanted, workers), time.perf_counter()
        assert wanted.obtain().trained == MODELS
        took = time.perf_counter() - began
        print(f"It took {took:.0f} s, and {expected:.0f} s were planned.")  # how near that is depends on the load
        assert expected > 0
        assert planned(wanted, workers) == 0  # nothing is left
