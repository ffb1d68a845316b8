import logging
import multiprocessing
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from privattack.data.images import DataSet
from privattack.data.splits import balanced_halves
from privattack.errors import UserError
from privattack.models import shadow_bank, shadow_training
from privattack.models.architecture import Architecture
from privattack.models.engines.base import Engine
from privattack.models.engines.cluster import Ray
from privattack.models.engines.processes import Processes
from privattack.models.engines.slurm import Submitit
from privattack.models.networks import MLP, LeNet
from privattack.models.recipes import Supervised
from privattack.models.shadow_bank import BankOrder, BankSettings
from privattack.models.shadow_training import Outcome
from privattack.models.store import ModelStore
from tests.models.banks import CPU, RECIPE, assert_same, mlp


def test_more_shadow_models_train_only_the_new_ones(obtain):
    few, more, again = obtain(2), obtain(6), obtain(6)
    assert [bank.trained for bank in (few, more, again)] == [2, 4, 0]
    assert more.fingerprints[:2] == few.fingerprints
    assert_same(more, again)


class Elsewhere(Engine):
    """Trains where the store is another."""

    def map(self, train, tasks, device):
        return (Outcome(task.number, True) for task in tasks)


def test_models_that_are_trained_and_not_found_are_said_in_a_sentence(obtain):
    with pytest.raises(UserError, match=r"^store=\S+: 2 shadow models were trained and are not found there; "):
        obtain(2, engine=Elsewhere())


def test_each_model_learns_its_half_of_the_pool(obtain, pool):
    bank = obtain(4, gamma=1.0, epochs=30, batch_size=8)
    assert torch.equal(bank.membership, balanced_halves(40, models=4, seed=0))
    # Members' log-probabilities end nearer to zero: what membership inference lives on.
    losses = torch.stack([bank.on_pool(k).gather(1, pool.labels.unsqueeze(1)).flatten() for k in range(4)])
    assert losses[bank.membership].mean() > losses[~bank.membership].mean()
    assert len({losses[k].sum().item() for k in range(4)}) == 4


def test_the_answers_kept_are_those_of_the_weights_kept(obtain, pool, data):
    bank = obtain(4)
    for number in (2, 0, 2):
        assert torch.equal(bank.model(number)(pool.pixels()), bank.on_pool(number))
        assert torch.equal(bank.model(number)(data.test.pixels()), bank.on_test(number))


def test_canaries_count_for_no_accuracy(order, data):
    bank = replace(order, canaries=10).obtain()
    right = bank.on_pool(0).argmax(dim=1) == bank.pool.labels
    assert len(bank.pool) == 40
    assert torch.equal(bank.in_the_targets_place(0, data).member_hits, right[:30][bank.membership[0, :30]])


def test_processes_train_what_one_process_trains(obtain):
    torch.set_num_threads(1)
    alone, together = obtain(4, store="a"), obtain(4, store="b", processes=2)
    assert together.trained == 4
    assert_same(alone, together)


@pytest.mark.parametrize("engine", ["submitit", "ray"])
def test_every_engine_trains_what_one_process_trains(engine, obtain, tmp_path):
    pytest.importorskip(engine)
    elsewhere = {
        "submitit": Submitit(executor="local", folder=str(tmp_path / "jobs"), models=1),
        "ray": Ray(cpus=0.5),
    }
    alone, together = obtain(2, store="a"), obtain(2, store="b", engine=elsewhere[engine])
    assert together.trained == 2
    assert_same(alone, together)


def test_a_network_that_cannot_be_sent_is_trained_here_and_said_so(obtain, caplog):
    class Local(MLP):
        """Lies in no module, so that another process does not find it."""

    with caplog.at_level(logging.WARNING):
        bank = obtain(2, build=lambda: Local(classes=10), processes=2)
    assert bank.trained == 2
    assert "Local cannot be sent to other processes" in caplog.text


def test_another_recipe_pool_or_seed_is_another_bank(obtain, data, pool, make_images, tmp_path):
    names = {tuple(obtain(2).fingerprints)}
    for change in ({"lr": 0.5}, {"gamma": 0.8}, {"epochs": 1}, {"batch_size": 8}, {"precision": "bf16"}, {"seed": 1}):
        names.add(tuple(obtain(2, **change).fingerprints))
    names.add(tuple(obtain(2, build=lambda: LeNet(classes=10)).fingerprints))
    other = BankOrder(
        Architecture(mlp, {}, (0.1307,), (0.3081,)),
        data,
        make_images(40, seed=3),
        BankSettings(2, RECIPE, 0, Processes(processes=1)),
        store=ModelStore(tmp_path / "store"),
        device=CPU,
    ).obtain()
    names.add(tuple(other.fingerprints))
    assert len(names) == 9


def test_a_damaged_model_is_trained_again_and_no_other(obtain, tmp_path):
    first = obtain(4)
    expected = first.on_pool(1).clone()
    damaged = tmp_path / "store" / first.fingerprints[1] / "outputs.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-8])
    second = obtain(4)
    assert second.trained == 1
    assert torch.equal(second.on_pool(1), expected)


def test_a_model_that_is_removed_while_others_are_trained_is_trained_again(obtain, tmp_path, monkeypatch):
    def then_lose_one(*arguments: object) -> int:
        trained = train(*arguments)
        for folder in [*(tmp_path / "store").glob("*/recipe.json")][: 2 - len(removed)]:
            removed.append(folder)
            shutil.rmtree(folder.parent)
        return trained

    train, removed = shadow_bank._train, []
    monkeypatch.setattr(shadow_bank, "_train", then_lose_one)
    assert obtain(4).trained == 6
    assert obtain(4).trained == 0


def test_a_training_that_comes_to_nothing_is_one_sentence(obtain):
    with pytest.raises(UserError, match=r"^shadow\.lr=1e\+30: .*finite"):
        obtain(2, lr=1e30)


def _slow_bank(folder: Path, data: DataSet, pool: object) -> None:
    settings = BankSettings(4, RECIPE, 0, Processes(processes=1))
    train, trained = shadow_training._train, []

    def then_hang(*arguments: object) -> list[nn.Module]:
        if len(trained) == 2:
            (folder / "two").touch()
            time.sleep(60)
        trained.append(1)
        return train(*arguments)

    shadow_training._train = then_hang
    BankOrder(
        Architecture(mlp, {}, (0.1307,), (0.3081,)),
        data,
        pool,
        settings,
        store=ModelStore(folder / "store"),
        device=CPU,
    ).obtain()


def test_a_killed_run_loses_only_what_was_in_flight(data, pool, obtain, tmp_path):
    process = multiprocessing.get_context("fork").Process(target=_slow_bank, args=(tmp_path, data, pool))
    process.start()
    while not (tmp_path / "two").exists():
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert obtain(4).trained == 2


def test_two_runs_at_once_train_each_model_once(data, pool, tmp_path):
    def counted(answers: object) -> None:
        settings = BankSettings(6, RECIPE, 0, Processes(processes=1))
        bank = BankOrder(
            Architecture(mlp, {}, (0.1307,), (0.3081,)),
            data,
            pool,
            settings,
            store=ModelStore(tmp_path / "s"),
            device=CPU,
        ).obtain()
        answers.put(bank.trained)

    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    processes = [context.Process(target=counted, args=(answers,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert answers.get() + answers.get() == 6


class TestStacked:
    """What a GPU does, on a CPU: the arithmetic is the same, only memory never runs out by itself."""

    @pytest.fixture(autouse=True)
    def stacked(self, monkeypatch):
        def always(tasks, device, *, workshop, wait):
            return shadow_training._train_stacked(tasks, workshop, device, wait)

        monkeypatch.setattr(shadow_bank, "train_these", always)

    def test_a_stack_ends_as_single_models_do(self, obtain, monkeypatch):
        stacked = obtain(4)
        monkeypatch.undo()
        single = obtain(4, store="another")
        assert stacked.trained == 4
        assert stacked.fingerprints == single.fingerprints
        for number in range(4):
            torch.testing.assert_close(stacked.on_pool(number), single.on_pool(number), rtol=1e-3, atol=1e-3)

    def test_a_stack_too_large_for_the_memory_is_halved(self, obtain, monkeypatch):
        sizes = []

        def small(recipe, networks, *arguments, **settings):
            sizes.append(len(networks))
            if len(networks) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return fit(recipe, networks, *arguments, **settings)

        fit = Supervised.fit
        monkeypatch.setattr(Supervised, "fit", small)
        assert obtain(6).trained == 6
        assert sizes == [6, 3, 1, 1, 1, 1, 1, 1]

    def test_no_memory_for_the_answers_of_a_stack_changes_no_model(self, obtain, monkeypatch):
        """A second try starts from untrained networks again."""
        clean, answered = obtain(4, store="clean"), []
        fit = Supervised.fit

        def then_too_large(recipe, networks, *arguments, **settings):
            fit(recipe, networks, *arguments, **settings)
            if len(networks) > 2:
                answered.append(len(networks))
                raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(Supervised, "fit", then_too_large)
        bank = obtain(4)
        assert answered == [4]
        for number in range(4):
            torch.testing.assert_close(bank.on_pool(number), clean.on_pool(number), rtol=1e-3, atol=1e-3)

    def test_no_memory_for_one_model_is_one_sentence(self, obtain, monkeypatch):
        def none(*_, **__):
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(Supervised, "fit", none)
        with pytest.raises(UserError, match="too small for one shadow model; use trainer=cpu"):
            obtain(2)

    def test_networks_that_cannot_be_stacked_are_trained_one_by_one_and_said_so(self, obtain, caplog):
        with caplog.at_level(logging.WARNING):
            bank = obtain(2, build=Branching)
        assert bank.trained == 2
        assert "Branching cannot be stacked" in caplog.text

    def test_models_of_the_store_are_not_trained_again(self, obtain):
        assert (obtain(2).trained, obtain(4).trained, obtain(4).trained) == (2, 2, 0)


class Branching(nn.Module):
    """Takes a path that depends on its input."""

    def __init__(self) -> None:
        super().__init__()
        self.network = mlp()

    def forward(self, images):
        logits = self.network(images)
        return logits if logits.sum() > 0 else -logits
