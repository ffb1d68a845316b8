"""A small bank of shadow models."""

import torch
from torch import nn

from privattack.models.networks import MLP
from privattack.models.recipes import Supervised
from privattack.models.shadow_bank import ShadowBank

CPU = torch.device("cpu")
RECIPE = Supervised(lr=1.0, gamma=0.9, epochs=2, batch_size=16)


def mlp() -> nn.Module:
    return MLP(classes=10)


def assert_same(one: ShadowBank, other: ShadowBank) -> None:
    assert one.fingerprints == other.fingerprints
    assert torch.equal(one.membership, other.membership)
    for number in range(len(one)):
        assert torch.equal(one.on_pool(number), other.on_pool(number))
        assert torch.equal(one.on_test(number), other.on_test(number))
