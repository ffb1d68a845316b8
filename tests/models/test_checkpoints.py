import logging
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from privattack.models.checkpoints import keep
from privattack.models.networks import MLP
from privattack.models.recipes import Supervised
from privattack.models.target_training import train_by_lightning, train_target

RECIPE = Supervised(lr=1.0, gamma=0.7, epochs=2, batch_size=16)
WEIGHTS = {train_target: "network", train_by_lightning: "state_dict"}


@pytest.fixture
def fitted(make_images, tmp_path):
    """Return a function that trains in a model's folder up to an epoch, and returns the weights."""

    def call(address: str, train=train_target, epochs: int = 2) -> torch.Tensor:
        torch.manual_seed(0)
        network, parts = MLP(classes=10), (make_images(70), make_images(40, seed=1))
        checkpoint = tmp_path / address / "training.ckpt"
        checkpoint.parent.mkdir(exist_ok=True)
        train(
            network, replace(RECIPE, epochs=epochs), *parts, seed=2, device=torch.device("cpu"), checkpoint=checkpoint
        )
        return torch.cat([weight.flatten() for weight in network.parameters()]).detach()

    return call


def cut(path: Path, weights: str) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def not_finite(path: Path, weights: str) -> None:
    state = torch.load(path, weights_only=True)
    next(iter(state[weights].values())).view(-1)[3] = torch.nan
    keep(path, state)


def of_another_shape(path: Path, weights: str) -> None:
    state = torch.load(path, weights_only=True)
    state[weights] = {name: tensor[:1] for name, tensor in state[weights].items()}
    keep(path, state)


def of_another_model(path: Path, weights: str) -> None:
    torch.save({**torch.load(path, weights_only=True), "address": "another"}, path)


DAMAGE = {
    "half": (cut, "not a zip file"),
    "words": (lambda path, weights: path.write_text("not this"), "not a zip file"),
    "a list": (lambda path, weights: torch.save([1, 2], path), "list indices"),
    "NaN": (not_finite, "it holds numbers that are not finite"),
    "another shape": (of_another_shape, "its weights have other shapes"),
    "another model's": (of_another_model, "it is of the model another"),
    "an earlier version's": (lambda path, weights: torch.save({"epoch": 1}, path), "'address'"),
}


@pytest.mark.parametrize("train", WEIGHTS)
@pytest.mark.parametrize("how", DAMAGE)
def test_what_cannot_be_gone_on_from_is_put_aside_and_trained_anew(how, train, fitted, tmp_path, caplog):
    damage, why = DAMAGE[how]
    expected = fitted("whole", train)
    fitted("model", train, epochs=1)
    damage(tmp_path / "model/training.ckpt", WEIGHTS[train])
    with caplog.at_level(logging.WARNING, logger="privattack"):
        assert torch.equal(fitted("model", train), expected)
    (message,) = (record.getMessage() for record in caplog.records if record.name.startswith("privattack"))
    assert "training.ckpt is damaged (" in message
    assert why in message
    assert len(list((tmp_path / "model").glob("training.ckpt.damaged-*"))) == 1


def test_no_damaged_byte_is_ever_learnt_from(fitted, tmp_path):
    expected = fitted("whole")
    fitted("model", epochs=1)
    path, random_numbers = tmp_path / "model/training.ckpt", random.Random(0)
    whole = path.read_bytes()
    for _ in range(30):
        content = bytearray(whole)
        content[random_numbers.randrange(len(content))] ^= 1 << random_numbers.randrange(8)
        path.write_bytes(content)
        assert torch.equal(fitted("model"), expected)
