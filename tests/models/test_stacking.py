import pytest
import torch
from torch import nn

from privattack.models.networks import MLP, ConvNet, LeNet
from privattack.models.stacking import Perceptrons, SideBySide, stack


class Doubled(nn.Sequential):
    """A perceptron whose layers do not tell the whole of it."""

    def forward(self, images):
        return 2 * super().forward(images)


def sequential(*layers):
    return lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 16), *layers, nn.Linear(16, 4))


KINDS = {
    "mlp": (lambda: MLP(classes=10), Perceptrons),
    "one layer": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 3)), Perceptrons),
    "relu": (sequential(nn.ReLU(), nn.Linear(16, 16), nn.ReLU()), Perceptrons),
    "tanh": (sequential(nn.Tanh()), SideBySide),
    "batch norm": (sequential(nn.BatchNorm1d(16)), SideBySide),
    "no bias": (sequential(nn.Linear(16, 16, bias=False)), SideBySide),
    "lenet": (lambda: LeNet(classes=10), SideBySide),
    "convnet": (lambda: ConvNet(classes=10), SideBySide),
    "own forward": (lambda: Doubled(nn.Flatten(), nn.Linear(784, 4)), SideBySide),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.mark.parametrize("e", [1, 3])
def test_a_stack_answers_as_each_of_its_networks_would(kind, e):
    build, form = kind
    networks = [build().eval() for _ in range(e)]
    images = torch.randn(e, 5, 1, 28, 28)
    stacked = stack(networks)
    assert isinstance(stacked, form)
    expected = torch.stack([network(part) for network, part in zip(networks, images, strict=True)])
    torch.testing.assert_close(stacked(images), expected)


def test_a_stack_has_the_gradients_of_its_networks():
    networks = [MLP(classes=10) for _ in range(3)]
    images = torch.randn(3, 5, 1, 28, 28)
    stacked = stack(networks)
    stacked(images).square().sum().backward()
    first = stacked.layers[1]
    for place, (network, part) in enumerate(zip(networks, images, strict=True)):
        network(part).square().sum().backward()
        torch.testing.assert_close(first.weight.grad[place].T, network[1].weight.grad, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(first.bias.grad[place, 0], network[1].bias.grad, rtol=1e-4, atol=1e-5)


def test_stacking_copies_weights_and_leaves_the_networks_alone():
    networks = [MLP(classes=10) for _ in range(2)]
    before = [network[1].weight.detach().clone() for network in networks]
    stacked = stack(networks)
    with torch.no_grad():
        for weight in stacked.parameters():
            weight.zero_()
    assert all(torch.equal(network[1].weight, kept) for network, kept in zip(networks, before, strict=True))
