"""The networks: plain `nn.Module`s from normalised images of any shape to logits."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from privattack.errors import UserError

MNIST = (1, 28, 28)


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max-pooling (LeCun et al. 1998, section II.B); 61,706 weights for 10 classes of MNIST."""

    def __init__(self, *, classes: int, shape: Sequence[int] = MNIST) -> None:
        super().__init__()
        _at_least(12, shape, self)
        channels, height, width = shape
        self.conv1 = nn.Conv2d(channels, 6, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.linear1 = nn.Linear(16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2), 120)
        self.linear2 = nn.Linear(120, 84)
        self.linear3 = nn.Linear(84, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        # ReLU after the pooling gives the same values as before it, on a quarter of the numbers.
        hidden = F.relu(F.max_pool2d(self.conv1(images), 2))  # n 6 14 14 for MNIST
        hidden = F.relu(F.max_pool2d(self.conv2(hidden), 2))  # n 16 5 5
        hidden = F.relu(self.linear1(hidden.flatten(1)))
        return self.linear3(F.relu(self.linear2(hidden)))


class ConvNet(nn.Module):
    """Two convolutions, one pooling, dropout: the network of PyTorch's MNIST example; 1,199,882 weights for it."""

    def __init__(self, *, classes: int, shape: Sequence[int] = MNIST) -> None:
        super().__init__()
        _at_least(6, shape, self)
        channels, height, width = shape
        self.conv1 = nn.Conv2d(channels, 32, kernel_size=3)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.linear1 = nn.Linear(64 * ((height - 4) // 2) * ((width - 4) // 2), 128)
        self.linear2 = nn.Linear(128, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        hidden = F.relu(self.conv1(images), inplace=True)  # n 32 26 26 for MNIST
        hidden = F.relu(F.max_pool2d(self.conv2(hidden), 2), inplace=True)  # n 64 12 12
        hidden = F.relu(self.linear1(self.dropout1(hidden).flatten(1)))
        return self.linear2(self.dropout2(hidden))


class SmallConvNet(nn.Sequential):
    """The network of TensorFlow Privacy's and Opacus's MNIST examples; 26,010 weights for it."""

    def __init__(self, *, classes: int, shape: Sequence[int] = MNIST) -> None:
        _at_least(14, shape, self)
        channels, height, width = shape
        super().__init__(
            nn.Conv2d(channels, 16, kernel_size=8, stride=2, padding=3),  # n 16 14 14 for MNIST
            nn.ReLU(),
            nn.MaxPool2d(2, stride=1),
            nn.Conv2d(16, 32, kernel_size=4, stride=2),  # n 32 5 5
            nn.ReLU(),
            nn.MaxPool2d(2, stride=1),
            nn.Flatten(),
            nn.Linear(32 * math.prod((side // 2 - 5) // 2 for side in (height, width)), 32),
            nn.ReLU(),
            nn.Linear(32, classes),
        )


class MLP(nn.Sequential):
    """The original study's surrogate: 784-128-64-classes for MNIST, with ReLU."""

    def __init__(self, *, classes: int, shape: Sequence[int] = MNIST) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(math.prod(shape), 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )


def _at_least(side: int, shape: Sequence[int], network: nn.Module) -> None:
    """Refuse images of which the layers would leave nothing.

    Raises:
        UserError: they are smaller than `side` along an axis.
    """
    if min(shape[1:]) < side:
        raise UserError(
            f"{type(network).__name__} needs images of {side}x{side} or more, and these are {shape[1]}x{shape[2]}; "
            "choose another network, such as target=mlp and surrogate=mlp."
        )
