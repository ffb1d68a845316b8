"""The networks: plain `nn.Module`s from normalised images to logits."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max-pooling (LeCun et al. 1998, section II.B); 61,706 weights for 10 classes."""

    def __init__(self, *, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.linear1 = nn.Linear(16 * 5 * 5, 120)
        self.linear2 = nn.Linear(120, 84)
        self.linear3 = nn.Linear(84, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        # ReLU after the pooling gives the same values as before it, on a quarter of the numbers.
        hidden = F.relu(F.max_pool2d(self.conv1(images), 2))  # n 6 14 14
        hidden = F.relu(F.max_pool2d(self.conv2(hidden), 2))  # n 16 5 5
        hidden = F.relu(self.linear1(hidden.flatten(1)))
        return self.linear3(F.relu(self.linear2(hidden)))


class ConvNet(nn.Module):
    """Two convolutions, one pooling, dropout: the network of PyTorch's MNIST example; 1,199,882 weights."""

    def __init__(self, *, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.linear1 = nn.Linear(64 * 12 * 12, 128)
        self.linear2 = nn.Linear(128, classes)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        hidden = F.relu(self.conv1(images), inplace=True)  # n 32 26 26
        hidden = F.relu(F.max_pool2d(self.conv2(hidden), 2), inplace=True)  # n 64 12 12
        hidden = F.relu(self.linear1(self.dropout1(hidden).flatten(1)))
        return self.linear2(self.dropout2(hidden))


class MLP(nn.Sequential):
    """The original study's surrogate: 784-128-64-classes with ReLU."""

    def __init__(self, *, classes: int) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(28 * 28, 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )
