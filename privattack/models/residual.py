"""Residual networks for small images of any shape, with batch norm."""

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from privattack.models.networks import MNIST


class ResNet18(ResNet):
    """ResNet-18 (He et al. 2016) with a stem for small images: 3x3, no pooling; 11,173,962 weights for CIFAR-10."""

    def __init__(self, *, classes: int, shape: Sequence[int] = MNIST) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=classes)
        self.conv1 = nn.Conv2d(shape[0], 64, kernel_size=3, padding=1, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.maxpool = nn.Identity()


class WideResNet(nn.Module):
    """WRN-depth-width (Zagoruyko and Komodakis 2016, table 1); WRN-16-2 has 691,674 weights for CIFAR-10.

    Args:
        depth: 6 n + 4, for n blocks in each of three groups.
        width: how many times as many channels the groups have as 16, 32 and 64.
    """

    def __init__(self, *, classes: int, shape: Sequence[int] = MNIST, depth: int = 16, width: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(shape[0], 16, kernel_size=3, padding=1, bias=False)
        blocks, inputs = [], 16
        for outputs, stride in ((16 * width, 1), (32 * width, 2), (64 * width, 2)):
            for number in range((depth - 4) // 6):
                blocks.append(WideBlock(inputs, outputs, stride=1 if number else stride))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(inputs)
        self.linear = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        hidden = F.relu(self.norm(self.blocks(self.stem(images))))  # n 128 8 8 for WRN-16-2 and CIFAR
        return self.linear(hidden.mean(dim=(2, 3)))


class WideBlock(nn.Module):
    """Two convolutions, each after batch norm and ReLU, beside a shortcut (section 2: the basic block, B(3, 3))."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, images: Float[Tensor, "n inputs h w"]) -> Float[Tensor, "n outputs _h _w"]:
        active = F.relu(self.norm1(images))
        hidden = self.conv2(F.relu(self.norm2(self.conv1(active))))
        return hidden + (images if self.shortcut is None else self.shortcut(active))
