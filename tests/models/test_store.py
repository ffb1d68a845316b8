import copy
import errno
import fcntl
import itertools
import json
import logging
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privattack.errors import UserError
from privattack.models.store import ModelStore, StoredModel, fingerprint

RECIPE = {
    "data": ["digits", "0123", 10],
    "members": "abcd",
    "network": [{"_target_": "privattack.models.networks.LeNet"}, "f00d"],
    "training": {"optimiser": "Adadelta", "lr": 1.0, "schedule": ["StepLR", 1, 0.7], "defence": None, "seed": 0},
}
MODEL = StoredModel(
    {"layer.weight": torch.arange(6.0).reshape(2, 3), "seen": torch.tensor(4)},
    {"train": torch.zeros(2, 3)},
    [{"epoch": 0.0, "loss": 0.1 + 0.2}, {"epoch": 1.0, "loss": 1e-9}],
)


def assert_same(one: StoredModel, other: StoredModel) -> None:
    for mine, theirs in ((one.weights, other.weights), (one.outputs, other.outputs)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in mine.items())
    assert one.history == other.history


class Trainer:
    """Trains in no time and remembers whether there was a checkpoint each time it was called."""

    def __init__(self) -> None:
        self.found: list[bool] = []

    def __call__(self, checkpoint: Path) -> StoredModel:
        self.found.append(checkpoint.exists())
        torch.save({"epoch": 1}, checkpoint)
        return MODEL


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "store")


@pytest.fixture
def folder(store):
    """Return where the store keeps the model, once it is there."""
    store.obtain(RECIPE, Trainer())
    return store.folder / fingerprint(RECIPE)


def test_a_model_is_trained_once_and_comes_back_exactly(store):
    train = Trainer()
    first, trained = store.obtain(RECIPE, train)
    second, trained_again = ModelStore(str(store.folder)).obtain(RECIPE, train)
    assert (trained, trained_again, len(train.found)) == (True, False, 1)
    assert_same(first, MODEL)
    assert_same(second, MODEL)


def test_a_finished_model_leaves_only_its_files(folder):
    assert {path.name for path in folder.iterdir()} == {
        "recipe.json", "weights.safetensors", "outputs.safetensors", "history.csv",
    }  # fmt: skip
    assert json.loads((folder / "recipe.json").read_text())["recipe"] == RECIPE


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Return the path of every entry within nested mappings and lists."""
    if not isinstance(value, dict | list):
        return [path]
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    return [found for key, inner in entries for found in places(inner, (*path, key))]


@pytest.mark.parametrize("path", places(RECIPE), ids=str)
def test_a_change_of_anything_in_the_recipe_is_another_model(path):
    changed = copy.deepcopy(RECIPE)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "another"
    assert fingerprint(changed) != fingerprint(RECIPE)


@given(seed=st.integers(0, 2**70), lr=st.floats(0.1, 10))
def test_the_order_of_the_recipe_does_not_matter(seed, lr):
    assert fingerprint({"seed": seed, "lr": lr}) == fingerprint({"lr": lr, "seed": seed})
    assert fingerprint({"seed": seed, "lr": lr}) != fingerprint({"seed": seed + 1, "lr": lr})


def test_models_of_different_recipes_lie_side_by_side(store):
    other = StoredModel({"layer.weight": torch.zeros(1)})
    store.obtain(RECIPE, Trainer())
    assert_same(store.obtain(RECIPE | {"members": "x"}, lambda _: other)[0], other)
    assert_same(store.obtain(RECIPE, Trainer())[0], MODEL)


def locks_that_do_nothing() -> None:
    fcntl.flock = fcntl.lockf = lambda *_: None


def an_old_network_file_system() -> None:
    """Let only `rename` be atomic: no locks, no exclusive creation, no links, and every second answer lost."""
    locks_that_do_nothing()
    opened, rename, count = os.open, os.rename, itertools.count()

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, "no links here")

    def renamed(source: object, goal: object) -> None:
        rename(source, goal)
        if next(count) % 2 == 0:  # asked again for what it has done, the server finds nothing to do it with
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(source))

    os.open = lambda path, flags, *more, **named: opened(path, flags & ~os.O_EXCL, *more, **named)
    os.link, os.rename = refused, renamed


def obtain_together(folder: Path, log: Path, start, answers, misbehave) -> None:
    misbehave()

    def train(_: Path) -> StoredModel:
        with log.open("a") as file:
            file.write("trained\n")
        threading.Event().wait(0.2)
        return MODEL

    start.wait()
    stored, trained = ModelStore(folder).obtain(RECIPE, train)
    answers.put((trained, stored.weights["layer.weight"].tolist(), stored.history))


@pytest.mark.parametrize("misbehave", [lambda: None, locks_that_do_nothing, an_old_network_file_system])
def test_ten_processes_at_once_train_it_once(misbehave, tmp_path):
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(10), context.SimpleQueue()
    arguments = (tmp_path / "store", tmp_path / "log", start, answers, misbehave)
    processes = [context.Process(target=obtain_together, args=arguments) for _ in range(10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 10
    told = [answers.get() for _ in range(10)]
    assert (tmp_path / "log").read_text() == "trained\n"
    assert sorted(trained for trained, _, _ in told) == [False] * 9 + [True]
    assert all(rest == [MODEL.weights["layer.weight"].tolist(), MODEL.history] for _, *rest in told)


def test_ten_threads_at_once_train_it_once(store):
    train, start = Trainer(), threading.Barrier(10)

    def obtain(_: int) -> bool:
        start.wait()
        return store.obtain(RECIPE, train)[1]

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(obtain, range(10))) == [False] * 9 + [True]
    assert len(train.found) == 1


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "truncated": truncate,
    "one bit": flip_a_bit,
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
    "half a row": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "words": lambda path: path.write_text("not this\n"),
}


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, how) for name in ("weights.safetensors", "outputs.safetensors") for how in DAMAGE),
        *(("recipe.json", how) for how in ("truncated", "one bit", "empty", "words")),
        *(("history.csv", how) for how in ("half a row", "one bit", "gone")),
    ],
)
def test_a_damaged_model_is_put_aside_named_and_made_again(name, damage, store, folder, caplog):
    DAMAGE[damage](folder / name)
    train = Trainer()
    with caplog.at_level(logging.WARNING):
        again, trained = store.obtain(RECIPE, train)
    assert (trained, len(train.found)) == (True, 1)
    assert_same(again, MODEL)
    (aside,) = store.folder.glob("*.damaged-*")
    (message,) = caplog.messages
    assert str(folder) in message
    assert aside.name in message
    assert store.obtain(RECIPE, train)[1] is False


@pytest.mark.parametrize("content", ["[]", "null", "3", "{}", '{"sha256": null}', '{"sha256": {"weights": "0"}}'])
def test_facts_of_another_form_are_damage_too(content, store, folder):
    (folder / "recipe.json").write_text(content)
    assert store.obtain(RECIPE, Trainer())[1] is True


def test_a_checkpoint_that_a_killed_process_left_is_gone_on_from(store):
    folder = store.folder / fingerprint(RECIPE)
    folder.mkdir(parents=True)
    torch.save({"epoch": 3}, folder / "training.ckpt")
    train = Trainer()
    store.obtain(RECIPE, train)
    assert train.found == [True]


def test_models_whose_folders_were_exchanged_are_not_taken_for_each_other(store, folder):
    other = StoredModel({"layer.weight": torch.zeros(1)})
    recipe = RECIPE | {"members": "x"}
    store.obtain(recipe, lambda _: other)
    second, third = store.folder / fingerprint(recipe), store.folder / "third"
    folder.rename(third), second.rename(folder), third.rename(second)
    assert store.find(RECIPE) is None
    assert_same(store.obtain(RECIPE, Trainer())[0], MODEL)
    assert_same(store.obtain(recipe, lambda _: other)[0], other)


def test_a_model_of_an_earlier_version_without_a_checksum_of_its_history_is_served(store, folder):
    facts = json.loads((folder / "recipe.json").read_text())
    del facts["sha256"]["history"]
    (folder / "recipe.json").write_text(json.dumps(facts))
    train = Trainer()
    assert_same(store.obtain(RECIPE, train)[0], MODEL)
    assert train.found == []


@pytest.mark.parametrize("name", ["recipe.json", "weights.safetensors", "history.csv"])
def test_a_file_that_may_not_be_read_is_said_and_not_put_aside(name, store, folder, monkeypatch):
    def forbidden(path: Path, *arguments, **named):
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **named)

    opened = Path.open
    monkeypatch.setattr(Path, "open", forbidden)
    sentence = f"store={store.folder}: {folder / name} cannot be read (Permission denied); set store to a folder"
    with pytest.raises(UserError) as caught:
        store.obtain(RECIPE, Trainer())
    assert str(caught.value).startswith(sentence)
    assert list(store.folder.glob("*.damaged-*")) == []


def test_the_store_lies_in_the_home_that_a_tilde_means(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    ModelStore("~/store").obtain(RECIPE, Trainer())
    assert (tmp_path / "store" / fingerprint(RECIPE) / "recipe.json").is_file()


def test_what_a_killed_process_was_writing_is_removed(store):
    folder = store.folder / fingerprint(RECIPE)
    folder.mkdir(parents=True)
    (folder / ".weights.safetensors.4711").write_text("half")
    store.obtain(RECIPE, Trainer())
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, UserError])
def test_a_training_that_fails_leaves_the_store_usable(error, store):
    def fail(checkpoint: Path) -> StoredModel:
        torch.save({"epoch": 0}, checkpoint)
        raise error("stopped")

    with pytest.raises(error, match="stopped"):
        store.obtain(RECIPE, fail)
    train = Trainer()
    stored, trained = store.obtain(RECIPE, train)
    assert (trained, train.found) == (True, [True])
    assert_same(stored, MODEL)


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_store_that_is_a_file_or_lies_below_one_is_an_error_in_one_sentence(below, tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / below
    with pytest.raises(UserError) as caught:
        ModelStore(path).obtain(RECIPE, Trainer())
    message = str(caught.value)
    assert message.startswith(f"store={path}: the folder cannot be written (")
    assert message.endswith("set store to a folder where you may write.")
    assert "\n" not in message


def test_a_stored_model_is_read_where_nothing_may_be_written(store, folder):
    before = sorted(path.name for path in store.folder.rglob("*"))
    store.obtain(RECIPE, Trainer())
    assert sorted(path.name for path in store.folder.rglob("*")) == before


def test_weights_in_any_memory_layout_come_back_the_same(store):
    weights = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    store.obtain(RECIPE, lambda _: StoredModel({"weight": weights, "view": weights[:, 1]}))
    stored, _ = store.obtain(RECIPE, Trainer())
    assert torch.equal(stored.weights["weight"], weights)
    assert torch.equal(stored.weights["view"], weights[:, 1])


def test_of_two_that_have_trained_a_model_the_first_is_kept(store, folder):
    """A process that stood still for minutes, so that another took its claim over, finds the model there."""
    recipe = RECIPE | {"members": "x"}
    with store.claim(recipe) as claim:
        claim.keep(MODEL)
        claim.keep(StoredModel({"layer.weight": torch.zeros(1)}))
    assert_same(store.find(recipe), MODEL)
    assert {path.name for path in store.folder.iterdir()} == {folder.name, fingerprint(recipe), "claims", "unfinished"}
    assert [*(store.folder / "claims").iterdir(), *(store.folder / "unfinished").iterdir()] == []


def test_what_a_training_took_is_kept_beside_the_model(store):
    store.obtain(RECIPE, lambda _: replace(MODEL, cost={"seconds": 1.5, "device": "cpu"}))
    assert store.find(RECIPE).cost == {"seconds": 1.5, "device": "cpu"}
