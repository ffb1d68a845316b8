"""Shadow models as jobs of Slurm, by submitit (Rapin and Teytaud, 2018, github.com/facebookincubator/submitit)."""

import logging
import pickle
import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from privattack.atomic_write import write_whole
from privattack.checks import Few, Length, PathText, Positive, checked
from privattack.errors import UserError
from privattack.models.engines.base import Engine, Train, installed, split, train_elsewhere
from privattack.models.shadow_training import Outcome, Task

log = logging.getLogger(__name__)

LOOK = {"slurm": 10.0, "local": 0.2}  # seconds between two looks at the jobs


@checked
class Submitit(Engine):
    """Trains in jobs that share the store's folder with this machine.

    Args:
        executor: `local` runs the jobs as processes of this machine.
        folder: where the jobs' logs are, and what they are to do; on a file system that all share.
        models: how many models a job trains: one after the other on a CPU, stacked on a GPU.
        array: how many jobs run at once.
        timeout_min: minutes after which Slurm ends a job.
        cpus: of each job. A model's training takes one.
        mem_gb: of each job; None for Slurm's default.
        gres: what else each job needs, such as `gpu:1`; with a GPU it trains there.
        wait: whether the run waits for its jobs. Otherwise it ends, and the same command goes on with what they left.
        retries: how many times the models of jobs that were killed are submitted again.
    """

    anew = True

    def __init__(
        self,
        *,
        executor: Literal["slurm", "local"] = "slurm",
        folder: PathText = "outputs/submitit",
        models: Few = 4,
        array: Few = 64,
        timeout_min: Length = 240,
        cpus: Few = 1,
        mem_gb: Positive | None = None,
        partition: str | None = None,
        account: str | None = None,
        gres: str | None = None,
        wait: bool = True,
        retries: Annotated[int, Field(ge=0, le=100)] = 3,
    ) -> None:
        self.executor = executor
        self.folder = Path(folder).expanduser().absolute()
        self.models = models
        self.wait = wait
        self.retries = retries
        self.gpu = gres is not None and "gpu" in gres
        self.parameters: dict[str, Any] = {"timeout_min": timeout_min, "cpus_per_task": cpus, "mem_gb": mem_gb}
        if executor == "slurm":
            self.most = array
            self.parameters |= {
                "slurm_partition": partition,
                "slurm_account": account,
                "slurm_gres": gres,
                "slurm_array_parallelism": array,
            }

    def map(self, train: Train, tasks: Sequence[Task], device: torch.device) -> Iterator[Outcome]:
        """Train; see the base class."""
        with installed("submitit", "slurm"):
            from submitit import AutoExecutor
            from submitit.core.utils import FailedJobError, UncompletedJobError
            from submitit.helpers import as_completed
        try:
            executor = AutoExecutor(self.folder / "%j", cluster=self.executor)
        except RuntimeError as error:
            raise UserError(
                f"shadow.engines.submitit.executor={self.executor}: cannot be used here ({error}); run where sbatch "
                "is, or use another engine."
            ) from error
        executor.update_parameters(
            name="shadow", **{name: value for name, value in self.parameters.items() if value is not None}
        )
        # Once: each job's own pickle would hold all images.
        shared = self.folder / f"{uuid.uuid4().hex}.pickle"
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(shared, pickle.dumps(train))
        work = partial(_train, shared, "gpu" if self.gpu else "cpu")
        parts = split(tasks, self.models)
        for _ in range(self.retries + 1):
            jobs = dict(zip(executor.map_array(work, parts), parts, strict=True))
            if not self.wait:
                numbers = ", ".join(job.job_id for job in jobs)
                raise UserError(
                    f"shadow.engines.submitit.wait=false: {len(tasks)} shadow models are left to the jobs {numbers}; "
                    "python -m privattack.bank status tells how far they are, and the same command goes on once they "
                    "have ended."
                )
            parts = []
            for job in as_completed([*jobs], poll_frequency=LOOK[self.executor]):
                try:
                    answer = job.result()
                except FailedJobError:  # a kind of the other, by a fault that it would meet again
                    raise
                except UncompletedJobError:
                    log.warning(
                        "shadow.engine=submitit: job %s was ended from outside; see %s.", job.job_id, job.paths.stderr
                    )
                    parts.append(jobs[job])
                    continue
                if isinstance(answer, UserError):
                    for other in jobs:
                        other.cancel()
                    raise answer
                yield from answer
            if not parts:
                shared.unlink()
                return
        raise UserError(
            f"shadow.engines.submitit.retries={self.retries}: {sum(map(len, parts))} shadow models are left whose jobs "
            f"were ended from outside again and again; {self.folder} tells why, and the same command goes on with them."
        )


def _train(shared: Path, accelerator: str, tasks: Sequence[Task]) -> list[Outcome] | UserError:
    return train_elsewhere(pickle.loads(shared.read_bytes()), tasks, accelerator)
