import copy
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, Timer
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.strategies import FSDPStrategy
from torch import nn
from torch.distributed.fsdp import fully_sharded_data_parallel
from torch.distributed.fsdp.wrap import size_based_auto_wrap_policy

from privattack.errors import UserError
from privattack.models import lightning_modules
from privattack.models.lightning_modules import TargetModule
from privattack.models.networks import MLP, ConvNet, LeNet
from privattack.models.recipes import Supervised
from privattack.models.target import Target
from privattack.models.target_training import train_by_lightning, train_target
from privattack.randomness import generator

CPU = torch.device("cpu")
RECIPE = Supervised(lr=1.0, gamma=0.7, epochs=3, batch_size=16)


class Small(nn.Module):
    """A network with dropout and batch-norm, both of which carry state through a training."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 5, stride=3)
        self.norm = nn.BatchNorm2d(4)
        self.linear = nn.Linear(4 * 8 * 8, 10)

    def forward(self, images):
        hidden = F.relu(self.norm(self.convolution(images)))
        return self.linear(F.dropout(hidden.flatten(1), 0.3, self.training))


@pytest.fixture
def fitted(make_images, tmp_path):
    """Return a function that trains a network on 70 images, watched by 40."""

    def call(network, *, train=train_target, checkpoint="training.ckpt", **changes):
        recipe, parts = replace(RECIPE, **changes), (make_images(70), make_images(40, seed=1))
        return train(network, recipe, *parts, seed=2, device=CPU, checkpoint=tmp_path / checkpoint)

    return call


def built(network=Small) -> nn.Module:
    torch.manual_seed(0)
    return network()


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    for (name, weight), (_, same) in zip(one.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(weight, same), name


def test_a_training_is_the_studys_recipe_in_plain_pytorch(fitted, make_images):
    network, plain = (built(lambda: MLP(classes=10)) for _ in range(2))
    fitted(network)
    members = make_images(70)
    optimiser = torch.optim.Adadelta(plain.parameters(), lr=1.0)
    decay = torch.optim.lr_scheduler.StepLR(optimiser, step_size=1, gamma=0.7)
    for epoch in range(3):
        for places in torch.randperm(70, generator=generator(2, "target.order", epoch)).split(16):
            batch = members.take(places)
            loss = F.nll_loss(F.log_softmax(plain(batch.pixels()), dim=1), batch.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        decay.step()
    for trained, expected in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(trained, expected, rtol=1e-4, atol=1e-5)


MOMENTUM = {
    "lr": 0.05,
    "optimizer": partial(torch.optim.SGD, momentum=0.9, weight_decay=1e-3),
    "scheduler": partial(torch.optim.lr_scheduler.CosineAnnealingLR),
}


@pytest.mark.parametrize(
    ("build", "changes"),
    [
        *((lambda kind=kind: kind(classes=10), {}) for kind in (LeNet, ConvNet, MLP)),
        (Small, {}),
        (Small, MOMENTUM),
    ],
)
def test_lightnings_trainer_ends_with_the_same_weights_to_the_last_bit(build, changes, fitted):
    ours, theirs = built(build), built(build)
    history = fitted(ours, **changes)
    other = fitted(theirs, train=train_by_lightning, checkpoint="lightning.ckpt", **changes)
    assert_same_weights(ours, theirs)
    for row, same in zip(history, other, strict=True):
        assert row == pytest.approx(same, rel=1e-5)


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


def test_a_training_learns_and_says_how_well(fitted, make_images):
    network = built(lambda: LeNet(classes=10))
    history = fitted(network, epochs=25, gamma=0.95)
    assert [row["epoch"] for row in history] == list(range(25))
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert history[-1]["accuracy"] > 0.8
    test = make_images(40, seed=1)
    right = Target(network, device=CPU)(test.pixels()).argmax(dim=1) == test.labels
    assert history[-1]["test_accuracy"] == pytest.approx(right.double().mean().item())


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before(fitted):
    first, again = built(), built()
    histories = []
    for number, network in enumerate((first, again)):
        torch.manual_seed(number)
        histories.append(fitted(network, checkpoint=f"{number}.ckpt"))
    assert_same_weights(first, again)
    assert histories[0] == histories[1]


def test_a_training_draws_nothing_from_the_ambient_generator(fitted):
    torch.manual_seed(1)
    expected = torch.rand(3)
    network = built()
    torch.manual_seed(1)
    fitted(network, epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_weights_after_a_training_share_no_memory(fitted):
    network = built()
    fitted(network, epochs=1)
    places = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    assert len(places) == len(list(network.parameters()))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("network", [Small, lambda: ConvNet(classes=10)])
@pytest.mark.parametrize(
    ("train", "owner", "step"),
    [(train_target, Supervised, "losses"), (train_by_lightning, TargetModule, "training_step")],
)
def test_a_training_that_was_killed_ends_with_the_weights_of_one_that_was_not(
    network, train, owner, step, fitted, tmp_path, monkeypatch
):
    whole = built(network)
    expected = fitted(whole, train=train, checkpoint="whole.ckpt")
    original, steps = getattr(owner, step), []

    def counted(self, *args):
        steps.append(1)
        if len(steps) == deadly:
            raise Killed
        return original(self, *args)

    monkeypatch.setattr(owner, step, counted)
    deadly = 0
    fitted(built(network), train=train, checkpoint="counted.ckpt")
    every, deadly = len(steps), len(steps) - 2  # in the last epoch
    steps.clear()
    with pytest.raises(Killed):
        fitted(built(network), train=train)
    assert (tmp_path / "training.ckpt").exists()

    # The fresh network's weights are others: all must come from the checkpoint.
    torch.manual_seed(99)
    resumed, deadly = network(), 0
    steps.clear()
    assert fitted(resumed, train=train) == expected
    assert 0 < len(steps) <= every / 3
    assert_same_weights(resumed, whole)


@pytest.mark.parametrize(("first", "then"), [(train_target, train_by_lightning), (train_by_lightning, train_target)])
def test_what_one_way_of_training_left_the_other_starts_again(first, then, fitted):
    whole, network = built(), built()
    fitted(whole, checkpoint="whole.ckpt")
    fitted(built(), train=first, epochs=2)
    fitted(network, train=then)
    assert_same_weights(network, whole)


@pytest.mark.filterwarnings("ignore:Encountered `nan` values")
@pytest.mark.parametrize("train", [train_target, train_by_lightning])
def test_a_training_that_diverges_names_the_learning_rate(train, fitted):
    with pytest.raises(UserError, match=r"target\.lr=1e\+38: .* use a smaller target\.lr") as caught:
        fitted(built(), train=train, lr=1e38)
    assert "\n" not in str(caught.value)


def test_the_target_answers_in_eval_mode_even_after_a_training():
    network = built().train()
    for _ in range(3):
        network(torch.randn(32, 1, 28, 28))
    target, pixels = Target(network, device=CPU), torch.rand(20, 1, 28, 28)
    before = copy.deepcopy(network.state_dict())
    together = target(pixels)
    torch.testing.assert_close(torch.cat([target(pixels[[i]]) for i in range(20)]), together, rtol=1e-5, atol=1e-5)
    assert torch.equal(target(pixels), together)
    assert all(torch.equal(before[name], kept) for name, kept in network.state_dict().items())


def test_the_target_answers_in_parts_as_in_one(make_images):
    network, pixels = built(), make_images(25).pixels()
    whole = Target(network, device=CPU)(pixels)
    torch.testing.assert_close(Target(network, device=CPU, batch_size=4)(pixels), whole, rtol=1e-5, atol=1e-5)
    assert Target(network, device=CPU)(pixels[:0]).shape == (0, 10)


def test_the_target_tells_near_certainties_apart():
    class Sure(nn.Module):
        def forward(self, images):
            return images[:, 0, 0, :2] * 1e3

    pixels = torch.zeros(2, 1, 28, 28)
    pixels[0, 0, 0, 0], pixels[1, 0, 0, 0] = 0.008, 0.009  # logits 26 and 29: p = 1 - 5e-12 and 1 - 2.5e-13
    answer = Target(Sure(), device=CPU)(pixels)
    assert answer[0, 0] < answer[1, 0] < 0
    assert answer.dtype == torch.float32
