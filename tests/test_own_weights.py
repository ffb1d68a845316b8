"""Whole runs on weights that the user brings."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from privattack.data.sources import digits
from privattack.errors import UserError
from privattack.models.networks import MLP
from privattack.models.normalised import Normalised
from tests.running import run_in


def test_a_users_own_weights_are_attacked_untrained(tmp_path):
    torch.manual_seed(0)
    torch.save(MLP(classes=10).state_dict(), tmp_path / "mine.pth")
    result = run_in(tmp_path / "run", f"target.checkpoint={tmp_path / 'mine.pth'}", "budget=50")
    assert result["target"]["trained"] is False
    assert result["target"]["test_accuracy"]["value"] < 0.5
    with (tmp_path / "run/training.csv").open() as file:
        assert not [row for row in csv.DictReader(file) if row["model"] == "target"]


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Return weights that learnt the first 300 of the digits, and who they are."""
    folder = tmp_path_factory.mktemp("mine")
    torch.manual_seed(0)
    data, network = digits(), MLP(classes=10)
    train, model = data.train, Normalised(network, data.mean, data.std)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(200):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(train.pixels()[:300]), train.labels[:300]).backward()
        optimiser.step()
    torch.save({"epoch": 200, "state_dict": network.state_dict()}, folder / "mine.pth")
    np.save(folder / "members.npy", np.arange(300))
    torch.save(torch.nn.Sequential(network, torch.nn.Softmax(dim=1)).state_dict(), folder / "soft.pth")
    return folder


def own(folder: Path, *, members: bool = True) -> list[str]:
    named = [f"target.members={folder / 'members.npy'}"] if members else []
    return [f"target.checkpoint={folder / 'mine.pth'}", *named]


@pytest.mark.parametrize(("attack", "name"), [("mia", "adaptive"), ("loss", "loss"), ("gap", "gap")])
def test_own_weights_with_their_members_named_are_asked_who_was_trained_on(attack, name, mine, tmp_path):
    others = ["shadow.other_recipe=true", "shadow.count=4", "shadow.processes=1", "repetitions=1", "budget=600"]
    result = run_in(tmp_path / "run", *own(mine), f"attack={attack}", *others)
    assert result["target"]["train_accuracy"]["n"] == 300
    assert result["run"]["nonmembers"] == "holdout"
    (attacker,) = (one for one in result["attackers"] if one["name"] == name)
    assert attacker["metrics"]["auc"]["value"] > 0.5
    with np.load(tmp_path / "run/splits.npz") as split:
        assert split["members"].tolist() == list(range(300))
        assert split["held_out"].tolist() == list(range(300, 1200))


@pytest.mark.parametrize("attack", ["mia", "loss", "mea_then_mia"])
def test_without_members_a_membership_inference_on_own_weights_is_refused(attack, mine, tmp_path):
    with pytest.raises(UserError, match=r"^target\.checkpoint=.*: nobody says which images .* target\.members="):
        run_in(tmp_path / "run", *own(mine, members=False), f"attack={attack}", "nonmembers=test")
    assert not (tmp_path / "store").exists()


def test_without_members_own_weights_are_extracted_and_nothing_is_said_of_their_training(mine, tmp_path):
    result = run_in(tmp_path / "run", *own(mine, members=False), "attack=mea", "budget=50", "repetitions=1")
    assert result["target"]["train_accuracy"]["value"] is None
    assert "nobody says" in result["target"]["train_accuracy"]["why"]
    with np.load(tmp_path / "run/splits.npz") as split:
        assert set(split.files) == {"queries"}


def test_with_members_the_rest_of_the_training_part_is_a_query_pool(mine, tmp_path):
    result = run_in(tmp_path / "run", *own(mine), "attack=mea", "pool=holdout", "budget=50", "repetitions=1")
    assert result["pool"]["images"] == 900


def test_members_can_be_named_for_a_target_that_is_trained_here(mine, tmp_path):
    result = run_in(tmp_path / "run", f"target.members={mine / 'members.npy'}", "attack=mia", "budget=100")
    assert result["target"]["trained"]
    assert result["target"]["train_accuracy"]["n"] == 300


class Softmax(torch.nn.Sequential):
    def __init__(self, *, classes: int) -> None:
        super().__init__(MLP(classes=classes), torch.nn.Softmax(dim=1))


def test_own_weights_that_answer_probabilities_are_the_same_target_and_it_is_said(mine, tmp_path, caplog):
    caplog.set_level("INFO")
    attack = ["attack=mia", "budget=100", "repetitions=1"]
    logits = run_in(tmp_path / "a", *own(mine), *attack)
    assert "mine.pth: the network answers logits." in caplog.text
    soft = ["target.network._target_=tests.test_own_weights.Softmax", f"target.checkpoint={mine / 'soft.pth'}"]
    probabilities = run_in(tmp_path / "b", *own(mine)[1:], *soft, *attack)
    assert "soft.pth: the network answers probabilities." in caplog.text
    for one, other in zip(logits["attackers"], probabilities["attackers"], strict=True):
        assert one["metrics"]["auc"]["value"] == pytest.approx(other["metrics"]["auc"]["value"], abs=0.01)
