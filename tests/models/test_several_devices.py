"""Targets that Lightning's Trainer trains on several devices, in a program of its own."""

import os
import signal
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, Timer
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.strategies import FSDPStrategy
from torch.distributed.fsdp import fully_sharded_data_parallel
from torch.distributed.fsdp.wrap import size_based_auto_wrap_policy

from privattack.errors import UserError
from privattack.models import lightning_modules
from privattack.models.networks import LeNet
from privattack.models.target_training import train_by_lightning
from tests.models.trainings import CPU, assert_same_weights, built


class ShardedOnProcessors(FSDPStrategy):
    """Shards a network as on GPUs; Lightning lets FSDP itself train on nothing else."""

    def __init__(self) -> None:
        super().__init__(auto_wrap_policy=partial(size_based_auto_wrap_policy, min_num_params=1_000))

    def _setup_model(self, model):
        # PyTorch takes a processor where it is named, and Lightning has no name for it.
        original = fully_sharded_data_parallel._init_device_handle
        with mock.patch.object(
            fully_sharded_data_parallel, "_init_device_handle", lambda *args: original(*args[:3], CPU)
        ):
            return super()._setup_model(model)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["auto", "ddp_spawn", ShardedOnProcessors()])
def test_two_devices_share_each_mini_batch_and_end_as_one_does(strategy, fitted):
    one, two = built(lambda: LeNet(classes=10)), built(lambda: LeNet(classes=10))
    history = fitted(one, batch_size=14)  # of which 70 images, and no half of a mini-batch, leave nothing over
    shared = partial(train_by_lightning, devices=2, strategy=strategy)
    other = fitted(two, train=shared, checkpoint="shared.ckpt", batch_size=14)
    for weight, same in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(weight, same, rtol=1e-3, atol=1e-4)
    for row, same in zip(history, other, strict=True):
        assert row == pytest.approx(same, rel=1e-3)


class Doubles(Callback):
    """Changes the weights once all is done, as averaging them does."""

    def on_train_end(self, _, module):
        with torch.no_grad():
            for weight in module.parameters():
                weight.mul_(2)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["auto", ShardedOnProcessors()])
def test_what_callbacks_make_of_the_weights_comes_back_and_a_logger_hears_each_epoch(strategy, fitted, tmp_path):
    once, twice = built(lambda: LeNet(classes=10)), built(lambda: LeNet(classes=10))
    logger = CSVLogger(tmp_path, "csv", "")
    train = partial(train_by_lightning, devices=2, strategy=strategy)
    history = fitted(once, train=train)
    callbacks = [Doubles(), LearningRateMonitor()]
    fitted(twice, train=partial(train, callbacks=callbacks, logger=logger), checkpoint="doubled.ckpt")
    for weight, doubled in zip(once.parameters(), twice.parameters(), strict=True):
        torch.testing.assert_close(2 * weight, doubled)
    assert [row["target/loss"] for row in logger.experiment.metrics] == [row["loss"] for row in history]


class Ended(Callback):
    """Has a process be told to end, in the second epoch."""

    def on_train_epoch_start(self, trainer, _):
        if trainer.current_epoch == 1 and trainer.global_rank == 0:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.slow
def test_a_training_that_is_told_to_end_is_not_taken_for_a_whole_one(fitted):
    with pytest.raises(UserError, match=r"^trainer\.devices=2: one of its processes was killed"):
        fitted(built(), train=partial(train_by_lightning, devices=2, callbacks=[Ended()]))


class Dies(Callback):
    """Kills the second of two processes at the start of the third epoch, but for where there is a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_train_epoch_start(self, trainer, _):
        if trainer.current_epoch == 2 and trainer.global_rank == 1 and not self.file.exists():
            self.file.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "changes"),
    [
        ("auto", {}),
        # Of several tensors that an optimiser remembers for a weight, PyTorch keeps the last alone on processors, where
        # what it gathers them in is not copied; SGD remembers one.
        (ShardedOnProcessors(), {"lr": 0.05, "optimizer": partial(torch.optim.SGD, momentum=0.9)}),
    ],
)
def test_a_training_on_two_devices_goes_on_after_one_was_killed(strategy, changes, fitted, tmp_path):
    whole, network = built(lambda: LeNet(classes=10)), built(lambda: LeNet(classes=10))
    dies = Dies(tmp_path / "died")
    train = partial(train_by_lightning, devices=2, strategy=strategy, callbacks=[dies])
    with pytest.raises(UserError, match=r"^trainer\.devices=2: one of its processes was killed, .*; the same command"):
        fitted(network, train=train, **changes)
    history = fitted(network, train=train, **changes)
    assert fitted(whole, train=train, checkpoint="whole.ckpt", **changes) == history
    assert_same_weights(network, whole)


@pytest.mark.slow
def test_a_training_on_two_devices_that_diverges_names_the_learning_rate_and_says_nothing_else(fitted, caplog, capfd):
    caplog.set_level("WARNING", "lightning.pytorch")
    with pytest.raises(UserError, match=r"target\.lr=inf: .* use a smaller target\.lr"):
        fitted(built(), train=partial(train_by_lightning, devices=2), lr=float("inf"))
    assert capfd.readouterr() == ("", "")


def test_what_the_trainer_is_told_reaches_it(monkeypatch):
    told = {}

    class Told(Exception):
        pass

    def trainer(**settings):
        told.update(settings)
        raise Told

    monkeypatch.setattr(lightning_modules.lightning, "Trainer", trainer)
    settings = {"precision": "bf16-mixed", "callbacks": [Timer()], "loggers": [CSVLogger("nowhere")]}
    with pytest.raises(Told):
        lightning_modules.make_trainer(CPU, epochs=1, progress=False, devices=2, **settings)
    assert (told["devices"], told["strategy"], told["precision"]) == (2, "ddp", "bf16-mixed")
    assert told["callbacks"] == settings["callbacks"]
    assert told["logger"] == settings["loggers"]


def test_more_devices_than_there_are_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(
        UserError, match=r"^trainer\.devices=3: cannot train with trainer\.strategy=auto here \(.*\); use"
    ):
        lightning_modules.make_trainer(torch.device("cuda"), epochs=1, progress=False, devices=3)
