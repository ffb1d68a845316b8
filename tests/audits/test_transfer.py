"""Adversarial examples made on a copy, tried on the model that it copies."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from privattack.audits.transfer import Transfer
from privattack.data.images import LabelledImages
from privattack.models.surrogate import Surrogates

WEIGHTS = torch.randn(784, 10, generator=torch.Generator().manual_seed(0))


def linear(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels.flatten(-3) @ WEIGHTS).log_softmax(dim=-1)


class Copies:
    """Two lessons of one repetition: the linear target itself, and its opposite."""

    def __init__(self) -> None:
        self.seen = []

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images.detach())
        return torch.stack([linear(images[0]), (-images[1].flatten(-3) @ WEIGHTS).log_softmax(dim=-1)])


@pytest.fixture
def test_part():
    images = torch.randint(80, 176, (60, 1, 28, 28), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    labels = linear(images / 255).argmax(dim=1)
    return LabelledImages(images, torch.cat([labels[:50], (labels[50:] + 1) % 10]))


def judged(test_part, epsilon=0.1, images=40, copies=None):
    surrogates = object.__new__(Fake)
    surrogates.copies = copies or Copies()
    return Transfer(epsilon=epsilon, images=images).judge(surrogates, linear, test_part, linear(test_part.pixels()))


class Fake(Surrogates):
    """Trained surrogates whose answers are given."""

    final_losses = torch.zeros(2, 1, 1)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return self.copies(images)


def test_a_perfect_copys_examples_fool_its_target_and_those_of_its_opposite_do_not(test_part):
    perfect, opposite = judged(test_part)
    for method in ("transfer_fgsm", "transfer_pgd"):
        assert np.nanmean(perfect[method]) > 0.9
        assert np.nanmean(opposite[method]) < 0.1
        assert np.count_nonzero(~np.isnan(perfect[method])) == 40


def test_one_step_of_a_linear_model_is_the_sign_of_its_gradient(test_part):
    copies = Copies()
    judged(test_part, epsilon=0.05, images=5, copies=copies)
    start, first_of_pgd = copies.seen[0], copies.seen[2]
    pixels, labels = start[0, 0], test_part.labels[:5]
    slope = -F.one_hot(labels, 10) + linear(pixels).exp()
    expected = pixels.flatten(1) + 0.05 / 4 * (slope @ WEIGHTS.T).sign()
    torch.testing.assert_close(first_of_pgd[0, 0].flatten(1), expected)


def test_no_pixel_moves_further_than_epsilon_or_leaves_its_range(test_part):
    copies = Copies()
    judged(test_part, epsilon=0.3, copies=copies)
    start = copies.seen[0]
    for examples in copies.seen:
        assert (examples - start).abs().max() <= 0.3 + 1e-6
        assert examples.min() >= 0
        assert examples.max() <= 1


def test_only_images_that_the_target_names_rightly_are_used(test_part):
    perfect, _ = judged(test_part, images=60)
    assert np.isnan(perfect["transfer_fgsm"]).tolist() == [[False] * 50 + [True] * 10]
