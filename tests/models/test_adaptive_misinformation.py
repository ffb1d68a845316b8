"""The two trainings of adaptive misinformation, by their formulas, and what they come to on real images."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from privattack.data.image_sources import Noise, OtherData, Usps
from privattack.data.sources import digits, fashion_mnist, mnist
from privattack.models.adaptive_misinformation import NO_CLASS, Misinformed, OutlierExposure

CPU = torch.device("cpu")
SETTINGS = {"lr": 1.0, "gamma": 1.0, "epochs": 8, "batch_size": 50}


def exposure(**settings):
    return OutlierExposure(**{"outliers": Noise(), "weight": 1.0, **SETTINGS, **settings})


def trained(recipe, images):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(784, 40), nn.ReLU(), nn.Linear(40, 10))
    recipe.fit([network], images, torch.arange(len(images)).unsqueeze(0), seeds=[0], device=CPU)
    return network


def test_outliers_cost_their_distance_from_equal_odds():
    logits = torch.tensor([[[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]]])
    labels = torch.tensor([[0, NO_CLASS, NO_CLASS]])
    known = math.log(1 + math.exp(-2))
    uneven = math.log(1 + math.exp(3)) - 1.5
    found = exposure(weight=0.5).objective(logits, labels, epoch=0)
    assert found.item() == pytest.approx(known + 0.5 * (uneven + math.log(2)) / 2, rel=1e-6)


def test_the_second_network_pays_for_its_belief_in_the_class():
    logits = torch.tensor([[[2.0, 1.0, 0.0], [0.0, 0.0, 9.0]]])
    p = logits.softmax(dim=2)
    found = Misinformed(**SETTINGS).objective(logits, torch.tensor([[0, 1]]), epoch=0)
    assert found.item() == pytest.approx(-(math.log(1 - p[0, 0, 0]) + math.log(1 - p[0, 1, 1])) / 2, rel=1e-5)


def test_a_target_is_unsure_of_outliers_and_the_second_network_is_wrong():
    images = digits().train
    noise = torch.rand(200, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    exposed = trained(exposure(), images)
    wrong = trained(Misinformed(**SETTINGS), images)
    on_images, on_noise = (exposed(pixels).softmax(dim=1).amax(dim=1) for pixels in (images.pixels(), noise))
    assert on_images.mean() > 0.9
    assert on_noise.mean() < 0.2
    assert (exposed(images.pixels()).argmax(dim=1) == images.labels).double().mean() > 0.9
    assert (wrong(images.pixels()).argmax(dim=1) == images.labels).double().mean() < 0.05


def test_the_address_tells_which_outliers_they_are_wherever_they_lie():
    def told(source):
        return exposure(outliers=source).address["outliers"]

    assert told(Usps(root="here")) == told(Usps(root="there", verify=False)) != told(Noise())
    assert told(Noise(seed=1)) != told(Noise(seed=2))
    here, there, other = (
        told(OtherData(data=partial(made, root=root)))
        for made, root in ((mnist, "here"), (mnist, "there"), (fashion_mnist, "here"))
    )
    assert here == there != other
