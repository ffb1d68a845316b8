import logging
from functools import partial

import pytest
import torch

from privattack.errors import SettingError, UserError
from privattack.models.engines.slurm import Submitit
from privattack.models.normalised import Normalised
from privattack.models.shadow_training import Outcome, Task
from tests.models.banks import CPU, mlp


def task(number: int) -> Task:
    return Task(number, {}, Normalised(mlp(), (0.1307,), (0.3081,)), torch.arange(2), seed=0)


def refused(tasks, device):
    raise UserError("shadow.lr=3: is too large.")


def killed_once(tasks, device, *, folder):
    """End the process for the first time, as Slurm ends a job that takes too much memory."""
    import os
    import signal

    for trap in folder.iterdir():
        trap.rmdir()
        os.kill(os.getpid(), signal.SIGKILL)
    return [Outcome(task.number, True) for task in tasks]


@pytest.fixture
def local(tmp_path):
    return partial(Submitit, executor="local", folder=str(tmp_path / "jobs"))


def test_without_slurm_the_user_is_told_what_to_do(tmp_path):
    engine = Submitit(executor="slurm", folder=str(tmp_path))
    with pytest.raises(
        UserError, match=r"^shadow\.engines\.submitit\.executor=slurm: cannot be used here \(.*sbatch is"
    ):
        list(engine.map(refused, [task(1)], CPU))


def test_a_setting_that_cannot_work_is_refused_by_its_name():
    with pytest.raises(SettingError, match=r"^retries=-1: needs a whole number from 0 to 100"):
        Submitit(retries=-1)


@pytest.mark.slow
def test_what_a_job_raises_for_the_user_is_raised_here(local):
    with pytest.raises(UserError, match=r"^shadow\.lr=3: is too large\.$"):
        list(local().map(refused, [task(1)], CPU))


def broken(tasks, device):
    raise ZeroDivisionError("a fault")


@pytest.mark.slow
def test_a_fault_in_a_job_is_raised_and_not_tried_again(local):
    with pytest.raises(Exception, match="ZeroDivisionError: a fault"):
        list(local().map(broken, [task(1)], CPU))


@pytest.mark.slow
def test_the_models_of_a_killed_job_are_submitted_again(local, tmp_path, caplog):
    (tmp_path / "traps/one").mkdir(parents=True)
    with caplog.at_level(logging.WARNING):
        outcomes = list(
            local(models=2).map(
                partial(killed_once, folder=tmp_path / "traps"), [task(number) for number in range(3)], CPU
            )
        )
    assert sorted(outcome.number for outcome in outcomes) == [0, 1, 2]
    (message,) = caplog.messages
    assert "was ended from outside" in message


@pytest.mark.slow
def test_jobs_that_are_killed_again_and_again_are_given_up(local, tmp_path):
    for number in range(2):
        (tmp_path / "traps" / str(number)).mkdir(parents=True)
    with pytest.raises(UserError, match=r"retries=1: 1 shadow models are left"):
        list(local(retries=1).map(partial(killed_once, folder=tmp_path / "traps"), [task(7)], CPU))


@pytest.mark.slow
def test_a_run_that_does_not_wait_leaves_its_jobs_at_work(local, tmp_path):
    with pytest.raises(UserError, match=r"wait=false: 1 shadow models are left to the jobs \d+; "):
        list(local(wait=False).map(partial(killed_once, folder=tmp_path), [task(7)], CPU))
