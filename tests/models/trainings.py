"""Small networks, and what trainings of them are compared by."""

import torch
import torch.nn.functional as F
from torch import nn

from privattack.models.recipes import Supervised

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


def built(network=Small) -> nn.Module:
    torch.manual_seed(0)
    return network()


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    for (name, weight), (_, same) in zip(one.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(weight, same), name
