"""Training several networks by a recipe as one; how one is trained is told by test_target_training.py."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from privattack.models.networks import MLP, ConvNet, LeNet
from privattack.models.recipes import Supervised

CPU = torch.device("cpu")
RECIPE = Supervised(lr=0.5, gamma=0.9, epochs=2, batch_size=16)


def build(network: type[nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return network(classes=10)


class Normed(nn.Sequential):
    """A network that keeps running means."""

    def __init__(self, *, classes: int) -> None:
        super().__init__(nn.Conv2d(1, 3, 5, stride=3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3 * 64, classes))


@pytest.mark.parametrize("network", [LeNet, MLP, Normed])
def test_stacked_networks_end_as_each_would_alone(network, make_images):
    pool = make_images(60)
    members = torch.stack([torch.randperm(60, generator=torch.Generator().manual_seed(k))[:30] for k in range(3)])
    alone = [build(network, number) for number in range(3)]
    together = [copy.deepcopy(one) for one in alone]
    for number, one in enumerate(alone):
        RECIPE.fit([one], pool, members[[number]], device=CPU, seeds=[number])
    RECIPE.fit(together, pool, members, device=CPU, seeds=[0, 1, 2])
    images = make_images(20, seed=1).pixels()
    for one, other in zip(alone, together, strict=True):
        assert not other.training
        torch.testing.assert_close(one(images), other(images), rtol=1e-3, atol=1e-3)


def test_networks_with_dropout_can_be_stacked(make_images):
    pool, networks = make_images(32), [build(ConvNet, number) for number in range(2)]
    before = copy.deepcopy(networks[1].state_dict())
    RECIPE.fit(networks, pool, torch.arange(32).expand(2, -1), device=CPU, seeds=[0, 1])
    assert not torch.equal(before["conv1.weight"], networks[1].state_dict()["conv1.weight"])


def test_training_leaves_the_callers_random_stream_alone(make_images):
    pool = make_images(32)
    torch.manual_seed(3)
    RECIPE.fit([build(ConvNet, 0)], pool, torch.arange(32).unsqueeze(0), device=CPU, seeds=[0])
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))


def test_a_network_that_cannot_be_stacked_says_so(make_images):
    class Branching(MLP):
        def forward(self, images):
            logits = super().forward(images)
            return logits if logits.sum() > 0 else -logits

    pool = make_images(32)
    with pytest.raises(RuntimeError, match="data-dependent"):
        RECIPE.fit(
            [Branching(classes=10) for _ in range(2)], pool,
            torch.arange(32).expand(2, -1), device=CPU, seeds=[0, 1],
        )  # fmt: skip


def test_a_recipes_address_changes_with_its_settings_and_with_the_version_of_its_code(monkeypatch):
    before = RECIPE.address
    assert before["lr"] == 0.5
    assert replace(RECIPE, gamma=0.8).address != before
    monkeypatch.setattr(Supervised, "VERSION", Supervised.VERSION + 1)
    assert RECIPE.address != before
