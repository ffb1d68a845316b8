"""Shadow models on this machine: on a CPU in processes side by side, on GPUs stacked, a process for each GPU."""

import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from functools import partial

import torch

from privattack.checks import Few, checked
from privattack.models.engines.base import Engine, Train
from privattack.models.shadow_processes import in_processes
from privattack.models.shadow_training import Outcome, Task

log = logging.getLogger(__name__)

Part = tuple[Sequence[Task], torch.device]


@checked
class Processes(Engine):
    """Trains on this machine.

    Args:
        processes: how many train at once on a CPU; None for one per core.
    """

    def __init__(self, *, processes: Few | None = None) -> None:
        self.processes = processes

    def map(self, train: Train, tasks: Sequence[Task], device: torch.device) -> Iterator[Outcome]:
        """Train; see the base class. What no process is left to train is trained by this one."""
        left = {task.number: task for task in tasks}
        parts = self._parts(tasks, device)
        if len(parts) > 1 and _can_be_sent(tasks[0]):
            processes = min(len(parts), self.at_once(device))
            for outcomes in in_processes(partial(_train_part, train), parts, processes=processes):
                for outcome in outcomes:
                    del left[outcome.number]
                    yield outcome
        yield from train([*left.values()], device)

    def _parts(self, tasks: Sequence[Task], device: torch.device) -> list[Part]:
        """Return what one process trains after the other: a model each on a CPU, a GPU's share on a GPU."""
        count = self.at_once(device)
        if count == 1:
            return [(tasks, device)]
        if device.type == "cpu":
            return [([task], device) for task in tasks]
        shares = [(tasks[number::count], torch.device("cuda", number)) for number in range(count)]
        return [(share, gpu) for share, gpu in shares if share]

    def at_once(self, device: torch.device) -> int:
        """Return how many processes train at once."""
        if device.type == "cuda":
            return torch.cuda.device_count()
        return self.processes or cores()


def _train_part(train: Train, part: Part) -> list[Outcome]:
    return list(train(*part))


def _can_be_sent(task: Task) -> bool:
    try:
        pickle.dumps(task)
    except Exception as error:  # whatever the user's class raises
        log.warning("shadow: %s cannot be sent to other processes (%s): its models are trained one by one.",
                    type(task.network.network).__name__, error)  # fmt: skip
        return False
    return True


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
