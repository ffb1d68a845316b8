import pytest
import torch
from torch import nn

from privattack.errors import UserError
from privattack.models.architecture import asked_for
from privattack.models.networks import MLP, ConvNet, LeNet
from privattack.models.residual import ResNet18, WideResNet


@pytest.mark.parametrize(
    ("network", "weights"),
    [(LeNet, 61_706), (ConvNet, 1_199_882), (MLP, 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10)],
)
def test_a_network_has_as_many_weights_as_the_study_says(network, weights):
    assert sum(weight.numel() for weight in network(classes=10).parameters()) == weights


@pytest.mark.parametrize(("network", "weights"), [(ResNet18, 11_173_962), (WideResNet, 691_674)])
def test_a_residual_network_has_as_many_weights_as_papers_say(network, weights):
    built = network(classes=10, shape=(3, 32, 32))
    assert sum(weight.numel() for weight in built.parameters()) == weights


@pytest.mark.parametrize("network", [ResNet18, WideResNet])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 14)])
def test_a_residual_network_takes_images_of_any_shape(network, shape):
    built = network(classes=4, shape=shape)
    logits = built(torch.randn(6, *shape))
    assert logits.shape == (6, 4)
    logits.square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in built.parameters())
    alone = built.eval()(torch.ones(1, *shape))
    torch.testing.assert_close(built(torch.cat([torch.ones(1, *shape), torch.randn(3, *shape)]))[:1], alone)


def test_a_wide_residual_block_is_batch_norm_relu_and_convolution_twice_beside_a_shortcut():
    first, second = WideResNet(classes=10).eval().blocks[:2]
    images = torch.randn(2, 16, 8, 8)
    active = first.norm1(images).relu()
    hidden = first.shortcut(active) + first.conv2(first.norm2(first.conv1(active)).relu())
    torch.testing.assert_close(first(images), hidden)
    inner = second.conv2(second.norm2(second.conv1(second.norm1(hidden).relu())).relu())
    torch.testing.assert_close(second(hidden), hidden + inner)


@pytest.mark.parametrize("network", [LeNet, ConvNet, MLP])
@pytest.mark.parametrize("classes", [2, 10, 26])
def test_a_network_answers_every_image_with_a_logit_per_class(network, classes):
    logits = network(classes=classes)(torch.randn(3, 1, 28, 28))
    assert logits.shape == (3, classes)
    assert (logits.exp().sum(dim=1) - 1).abs().max() > 1e-3


@pytest.mark.parametrize("network", [LeNet, ConvNet, MLP])
def test_every_weight_takes_part(network):
    built = network(classes=10)
    built(torch.randn(64, 1, 28, 28)).square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in built.parameters())


def test_lenet_pools_after_relu_as_well_as_before():
    lenet = LeNet(classes=10)
    plain = nn.Sequential(
        lenet.conv1, nn.ReLU(), nn.MaxPool2d(2), lenet.conv2, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        lenet.linear1, nn.ReLU(), lenet.linear2, nn.ReLU(), lenet.linear3,
    )  # fmt: skip
    images = torch.randn(8, 1, 28, 28)
    torch.testing.assert_close(lenet(images), plain(images))


def test_convnet_drops_out_in_training_only():
    convnet, images = ConvNet(classes=10), torch.randn(4, 1, 28, 28)
    assert not torch.equal(convnet(images), convnet(images))
    convnet.eval()
    assert torch.equal(convnet(images), convnet(images))


@pytest.mark.parametrize(("network", "side"), [(LeNet, 12), (ConvNet, 6)])
def test_the_smallest_images_that_leave_something_are_taken_and_smaller_ones_refused(network, side):
    assert network(classes=4, shape=(3, side, side + 1))(torch.zeros(2, 3, side, side + 1)).shape == (2, 4)
    with pytest.raises(UserError, match=rf"{network.__name__} needs images of {side}x{side} or more, .* target=mlp"):
        network(classes=4, shape=(3, side, side - 1))


def test_a_class_gets_the_shape_only_if_it_takes_it_and_the_classes_as_it_calls_them():
    def theirs(num_classes, width=3): ...

    def builder(**settings): ...

    class Own(MLP):
        def __init__(self, *, wide=False, **settings): ...

    assert asked_for(theirs, (3, 8, 8), 5) == {"num_classes": 5}
    assert asked_for(MLP, (3, 8, 8), 5) == {"classes": 5, "shape": (3, 8, 8)}
    assert asked_for(lambda *, classes: None, (3, 8, 8), 5) == {"classes": 5}
    assert asked_for(builder, (3, 8, 8), 5) == {"num_classes": 5}
    assert asked_for(Own, (3, 8, 8), 5) == {"classes": 5, "shape": (3, 8, 8)}
