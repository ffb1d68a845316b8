import dataclasses
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from safetensors.torch import save_file
from torch import nn

from privattack.data.images import DataSet
from privattack.models import targets
from privattack.models.architecture import Architecture
from privattack.models.networks import MLP, LeNet
from privattack.models.recipes import Supervised
from privattack.models.store import ModelStore
from privattack.models.targets import obtain_target

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")

RECIPE = Supervised(lr=1.0, gamma=0.9, epochs=2, batch_size=16)
SETTINGS = {"_target_": "LeNet"}
MEMBERS = torch.arange(0, 80, 2)


@pytest.fixture(autouse=True)
def nothing_remembered():
    """Each test is a process of its own as far as remembered answers go."""
    targets._remembered.clear()


def lenet() -> nn.Module:
    return LeNet(classes=10)


@pytest.fixture
def data(make_images):
    return DataSet("blocks", 10, make_images(80), make_images(30, seed=1), "c0ffee", (0.1307,), (0.3081,))


@pytest.fixture
def obtain(data, tmp_path):
    """Return a function that obtains a target from one store."""

    def call(
        *, build=lenet, network=SETTINGS, data=data, members=MEMBERS, seed=0, checkpoint=None, progress=False, **changes
    ):
        return obtain_target(
            Architecture(build, network, (0.1307,), (0.3081,)), dataclasses.replace(RECIPE, **changes), data, members,
            seed=seed, store=ModelStore(tmp_path / "store"), device=torch.device("cpu"), checkpoint=checkpoint,
            progress=progress,
        )  # fmt: skip

    return call


def assert_same(one, other) -> None:
    weights = other.model.model.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in one.model.model.state_dict().items())
    assert torch.equal(one.test_log_probabilities, other.test_log_probabilities)
    assert torch.equal(one.member_hits, other.member_hits)
    assert one.history == other.history
    assert one.fingerprint == other.fingerprint


def test_the_second_run_takes_what_the_first_trained(obtain):
    first, second = obtain(), obtain()
    assert (first.trained, second.trained) == (True, False)
    assert_same(first, second)


def test_a_callback_of_lightnings_is_called_and_makes_another_target(obtain, data, tmp_path):
    stop = EarlyStopping("target/loss", divergence_threshold=-1.0)  # a loss is always above it
    settings = {"seed": 0, "store": ModelStore(tmp_path / "store"), "device": torch.device("cpu"), "lightning": True}
    made = Architecture(lenet, SETTINGS, (0.1307,), (0.3081,)), RECIPE, data, MEMBERS
    stopped = obtain_target(*made, **settings, trainer={"callbacks": [stop]}, told={"callbacks": "EarlyStopping"})
    assert len(stopped.history) == 1 < RECIPE.epochs
    assert stopped.fingerprint != obtain().fingerprint


def test_the_same_images_in_another_order_are_another_training(make_images):
    images = make_images(8)
    turned = images.take(torch.arange(8).flip(0))
    assert len({DataSet.of("blocks", 10, train, images).checksum for train in (images, turned)}) == 2


def test_what_the_judge_is_told_is_what_the_target_answers(obtain, data):
    target = obtain()
    torch.testing.assert_close(target.model.model(data.test.pixels()), target.test_log_probabilities, rtol=0, atol=0)
    members = data.train.take(MEMBERS)
    assert torch.equal(target.member_hits, target.model.model(members.pixels()).argmax(dim=1) == members.labels)
    assert len(target.history) == 2


def test_a_target_trained_in_another_store_is_the_same(obtain, data, tmp_path):
    torch.manual_seed(77)
    elsewhere = obtain_target(
        Architecture(lenet, SETTINGS, (0.1307,), (0.3081,)), RECIPE, data, MEMBERS, seed=0,
        store=ModelStore(tmp_path / "elsewhere"), device=torch.device("cpu"),
    )  # fmt: skip
    assert_same(elsewhere, obtain())


@pytest.mark.parametrize(
    "change",
    [
        {"lr": 0.5},
        {"gamma": 0.8},
        {"epochs": 1},
        {"batch_size": 8},
        {"seed": 1},
        {"network": {"_target_": "LeNet", "width": 2}},
        {"build": lambda: MLP(classes=10)},
        {"members": MEMBERS[1:]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_of_what_made_it_trains_another_target(change, obtain):
    first, other = obtain(), obtain(**change)
    assert other.trained
    assert other.fingerprint != first.fingerprint
    assert not obtain().trained


def test_another_data_set_trains_another_target(obtain, data):
    assert obtain().fingerprint != obtain(data=dataclasses.replace(data, checksum="beef")).fingerprint
    assert obtain(data=dataclasses.replace(data, name="other")).trained


def test_showing_progress_does_not_train_another_target(obtain):
    obtain()
    assert not obtain(progress=True).trained


def test_building_the_network_draws_nothing_from_the_ambient_generator(obtain):
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    obtain()
    assert torch.equal(torch.rand(2), expected)


def weights_of(network: nn.Module, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(network.state_dict(), path)
    else:
        torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize("name", ["mine.pth", "mine.pt", "mine.safetensors"])
def test_a_users_own_weights_are_the_target(name, obtain, data, tmp_path):
    torch.manual_seed(5)
    own = lenet()
    path = weights_of(own, tmp_path / name)
    target = obtain(checkpoint=str(path))
    assert all(
        torch.equal(w, own.state_dict()[name]) for name, w in target.model.model.network.network.state_dict().items()
    )
    assert (target.trained, target.history) == (False, [])
    assert_same(obtain(checkpoint=str(path)), target)
    assert torch.equal(target.test_log_probabilities, target.model.model(data.test.pixels()))


def test_other_weights_at_the_same_path_are_another_target(obtain, tmp_path):
    path = tmp_path / "mine.pth"
    first = obtain(checkpoint=str(weights_of(lenet(), path)))
    second = obtain(checkpoint=str(weights_of(lenet(), path)))
    assert first.fingerprint != second.fingerprint
    assert not torch.equal(first.test_log_probabilities, second.test_log_probabilities)
