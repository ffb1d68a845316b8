"""What tests of many rooms need: small images that can be learnt, and a target without a network."""

import os
from collections.abc import Callable

import pytest
import torch
from hypothesis import settings
from torch import Tensor

from privattack.command_line.resolvers import register_resolvers
from privattack.data.images import LabelledImages

# Deadlines are times, and a loaded machine is slow. The suite tries the same examples each time, so that it says what a
# change did; PRIVATTACK_FUZZ=1000 looks for others.
settings.register_profile(
    "privattack", deadline=None, max_examples=25, derandomize="PRIVATTACK_FUZZ" not in os.environ, database=None
)
settings.load_profile("privattack")
torch.set_num_threads(1)
register_resolvers()

# What `keep_quiet` keeps from users; pytest sets the filters anew for each test.
EXPECTED_WARNINGS = ("Checkpoint directory .* exists and is not empty", ".*LeafSpec.* is deprecated")

pytest_plugins = ["tests.made_up_results"]

MakeImages = Callable[..., LabelledImages]
PlantedTarget = Callable[[Tensor], Tensor]


def pytest_configure(config: pytest.Config) -> None:
    """Keep expected warnings out of the summary, so that others are seen."""
    for message in EXPECTED_WARNINGS:
        config.addinivalue_line("filterwarnings", f"ignore:{message}")


@pytest.fixture(scope="session")
def make_images() -> MakeImages:
    """Return a function that makes n images: noise, and two bright rows at a height that tells the class."""

    def make(n: int, *, classes: int = 10, seed: int = 0) -> LabelledImages:
        random = torch.Generator().manual_seed(seed)
        images = torch.randint(0, 60, (n, 28, 28), generator=random)
        labels = torch.randint(0, classes, (n,), generator=random)
        for image, label in zip(images, labels.tolist(), strict=True):
            image[2 * label + 4 : 2 * label + 6] += 150
        return LabelledImages(images.to(torch.uint8).unsqueeze(1), labels)

    return make


@pytest.fixture(scope="session")
def planted_target() -> PlantedTarget:
    """Return a target of 10 classes that reads its logits from an image's corner: the first row's first pixels."""

    def answer(pixels: Tensor) -> Tensor:
        return (20 * pixels[:, 0, 0, :10]).log_softmax(dim=1)

    return answer
