"""Shadow models on a Ray cluster (Moritz et al., OSDI 2018)."""

import logging
from collections.abc import Iterator, Sequence
from typing import Annotated

import torch
from pydantic import Field

from privattack.checks import Few, Positive, checked
from privattack.errors import UserError
from privattack.models.engines.base import Engine, Train, installed, split, train_elsewhere
from privattack.models.shadow_training import Outcome, Task


@checked
class Ray(Engine):
    """Trains on whatever machines a Ray cluster has, which share the store with this one.

    Args:
        address: of a cluster that runs, such as `auto` or `ray://head:10001`; None starts one on this machine alone.
        models: how many models one of Ray's tasks trains: one after the other on a CPU, stacked on a GPU.
        cpus: of each task. A model's training takes one.
        gpus: of each task, which trains there; 0.25 lets four tasks share one.
        retries: how many times Ray starts a task again whose worker died.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        models: Few = 1,
        cpus: Positive = 1.0,
        gpus: Annotated[float, Field(ge=0, le=64)] = 0.0,
        retries: Annotated[int, Field(ge=0, le=100)] = 3,
    ) -> None:
        self.address = address
        self.models = models
        self.cpus = cpus
        self.gpus = gpus
        self.retries = retries

    def map(self, train: Train, tasks: Sequence[Task], device: torch.device) -> Iterator[Outcome]:
        """Train; see the base class."""
        with installed("ray", "ray"):
            import ray
            from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError
        inside = ray.is_initialized()  # a sweep's job that Ray runs
        try:
            if not inside:
                ray.init(self.address, log_to_driver=False, logging_level=logging.WARNING)
        except ConnectionError as error:
            raise UserError(
                f"shadow.engines.ray.address={self.address}: no Ray cluster answers ({error}); start one with ray "
                "start --head, or leave the address out."
            ) from error
        try:
            settings = {"num_cpus": self.cpus, "num_gpus": self.gpus, "max_retries": self.retries}
            remote = ray.remote(**settings)(train_elsewhere)
            shared = ray.put(train)
            accelerator = "gpu" if self.gpus else "cpu"
            waiting = [remote.remote(shared, part, accelerator) for part in split(tasks, self.models)]
            while waiting:
                (done,), waiting = ray.wait(waiting)
                answer = ray.get(done)
                if isinstance(answer, UserError):
                    raise answer
                yield from answer
        except (WorkerCrashedError, NodeDiedError, OutOfMemoryError) as error:
            raise UserError(
                f"shadow.engines.ray.retries={self.retries}: a worker died again and again ({type(error).__name__}); "
                "the same command goes on with what is not trained yet."
            ) from error
        finally:
            if not inside:
                ray.shutdown()
