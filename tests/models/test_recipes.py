"""Training several networks by a recipe as one; how one is trained is told by test_target_training.py."""

import copy
import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from privattack.errors import UserError
from privattack.models.levers import by_products
from privattack.models.networks import MLP, ConvNet, LeNet
from privattack.models.recipes import Supervised
from privattack.models.residual import WideResNet
from privattack.randomness import generator

CPU = torch.device("cpu")
RECIPE = Supervised(lr=0.5, gamma=0.9, epochs=2, batch_size=16)
COSINE = partial(torch.optim.lr_scheduler.CosineAnnealingLR)
MOMENTUM = partial(torch.optim.SGD, momentum=0.9, nesterov=True, weight_decay=1e-3)
RESIDUAL = replace(RECIPE, lr=0.02, gamma=1.0, optimizer=MOMENTUM, scheduler=COSINE, flips=True, crop=2)


def build(network: type[nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return network(classes=10)


class Normed(nn.Sequential):
    """A network that keeps running means."""

    def __init__(self, *, classes: int) -> None:
        super().__init__(nn.Conv2d(1, 3, 5, stride=3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3 * 64, classes))


class Residual(WideResNet):
    """The smallest of its kind."""

    def __init__(self, *, classes: int) -> None:
        super().__init__(classes=classes, shape=(1, 28, 28), depth=10, width=1)


@pytest.mark.parametrize(
    ("network", "recipe"), [(LeNet, RECIPE), (MLP, RECIPE), (Normed, RECIPE), (MLP, RESIDUAL), (Residual, RESIDUAL)]
)
def test_stacked_networks_end_as_each_would_alone(network, recipe, make_images):
    pool = make_images(60)
    members = torch.stack([torch.randperm(60, generator=torch.Generator().manual_seed(k))[:30] for k in range(3)])
    alone = [build(network, number) for number in range(3)]
    together = [copy.deepcopy(one) for one in alone]
    for number, one in enumerate(alone):
        recipe.fit([one], pool, members[[number]], device=CPU, seeds=[number])
    recipe.fit(together, pool, members, device=CPU, seeds=[0, 1, 2])
    images = make_images(20, seed=1).pixels()
    for one, other in zip(alone, together, strict=True):
        assert not other.training
        torch.testing.assert_close(one(images), other(images), rtol=1e-3, atol=1e-3)


def test_networks_with_dropout_can_be_stacked(make_images):
    pool, networks = make_images(32), [build(ConvNet, number) for number in range(2)]
    before = copy.deepcopy(networks[1].state_dict())
    RECIPE.fit(networks, pool, torch.arange(32).expand(2, -1), device=CPU, seeds=[0, 1])
    assert not torch.equal(before["conv1.weight"], networks[1].state_dict()["conv1.weight"])


def test_training_leaves_the_callers_random_stream_alone(make_images):
    pool = make_images(32)
    torch.manual_seed(3)
    RECIPE.fit([build(ConvNet, 0)], pool, torch.arange(32).unsqueeze(0), device=CPU, seeds=[0])
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))


def test_a_network_that_cannot_be_stacked_says_so(make_images):
    class Branching(MLP):
        def forward(self, images):
            logits = super().forward(images)
            return logits if logits.sum() > 0 else -logits

    pool = make_images(32)
    with pytest.raises(RuntimeError, match="data-dependent"):
        RECIPE.fit(
            [Branching(classes=10) for _ in range(2)], pool,
            torch.arange(32).expand(2, -1), device=CPU, seeds=[0, 1],
        )  # fmt: skip


def test_an_optimiser_that_looks_at_whole_weights_is_not_stacked(make_images):
    pool, recipe = make_images(32), replace(RECIPE, optimizer=partial(torch.optim.Adafactor))
    with pytest.raises(RuntimeError, match="Adafactor may not work element by element"):
        recipe.fit(
            [build(MLP, 0), build(MLP, 1)], pool, torch.arange(32).expand(2, -1), device=CPU, seeds=[0, 1]
        )  # fmt: skip
    recipe.fit([build(MLP, 0)], pool, torch.arange(32).unsqueeze(0), device=CPU, seeds=[0])


def test_a_recipe_takes_the_steps_of_its_optimiser_at_the_rates_of_its_scheduler(make_images):
    pool, ours, plain = make_images(48), build(MLP, 0), build(MLP, 0)
    recipe = replace(RESIDUAL, epochs=3, flips=False, crop=0)
    recipe.fit([ours], pool, torch.arange(48).unsqueeze(0), device=CPU, seeds=[5])
    optimiser = torch.optim.SGD(plain.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=1e-3)
    for epoch, rate in enumerate([0.02, 0.015, 0.005]):  # half a cosine over three epochs
        optimiser.param_groups[0]["lr"] = rate
        for places in torch.randperm(48, generator=generator(5, "target.order", epoch)).split(16):
            optimiser.zero_grad()
            nn.functional.cross_entropy(plain(pool.pixels()[places]), pool.labels[places]).backward()
            optimiser.step()
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_flips_and_crops_change_what_is_learnt_and_a_seed_repeats_them(make_images):
    pool = make_images(32)
    learnt = []
    for recipe in (RECIPE, replace(RECIPE, flips=True), replace(RECIPE, crop=2), replace(RECIPE, flips=True)):
        network = build(MLP, 0)
        recipe.fit([network], pool, torch.arange(32).unsqueeze(0), device=CPU, seeds=[0])
        learnt.append(network[1].weight)
    assert torch.equal(learnt[1], learnt[3])
    assert not any(torch.equal(learnt[0], other) for other in learnt[1:])


def test_fewer_bits_are_another_training_whose_weights_are_single_precision(make_images):
    data, ends = make_images(64), {}
    for precision in ("float32", "bf16"):
        network = build(LeNet, 0)
        recipe = replace(RECIPE, epochs=8, precision=precision)
        history = recipe.fit([network], data, torch.arange(64).unsqueeze(0), seeds=[0], device=CPU)
        assert history[-1]["loss"] < history[0]["loss"] - 0.3
        ends[precision] = torch.cat([weight.flatten() for weight in network.parameters()])
    assert ends["bf16"].dtype is torch.float32
    assert not torch.equal(ends["bf16"], ends["float32"])


@pytest.mark.parametrize(
    "levers",
    [
        ("products",),
        pytest.param(("compile",), marks=pytest.mark.slow),
        pytest.param(("graphs", "products"), marks=pytest.mark.slow),
    ],
)
def test_levers_change_a_stack_by_rounding_only_and_another_address_tells_them(levers, make_images):
    data, halves, ends = make_images(64), torch.arange(64).view(2, 32), []
    for recipe in (RECIPE, replace(RECIPE, levers=levers)):
        networks = [build(LeNet, seed) for seed in range(2)]
        recipe.fit(networks, data, halves, seeds=[0, 1], device=CPU)
        ends.append(torch.stack([network(data.pixels()).detach() for network in networks]))
    torch.testing.assert_close(*ends, rtol=1e-3, atol=1e-3)
    assert "levers" not in RECIPE.address
    assert recipe.address["levers"] == levers


@pytest.mark.parametrize(
    "layer", [{"stride": 2}, {"padding": (1, 2), "dilation": 2, "bias": False}, {"padding": "same"}]
)
def test_a_convolution_by_products_answers_as_it_did(layer):
    network = nn.Sequential(nn.Conv2d(3, 5, (3, 2), **layer))
    images = torch.randn(4, 3, 9, 11, generator=generator(0, "images"))
    expected = network(images)
    by_products(network)
    torch.testing.assert_close(network(images), expected)
    assert (type(network[0]) is nn.Conv2d) == (layer.get("padding") == "same")


def test_a_single_image_that_batch_norm_cannot_take_is_said_in_a_sentence(make_images):
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 4), nn.BatchNorm1d(4), nn.Linear(4, 10))
    with pytest.raises(
        UserError, match=r"^batch_size: the last mini-batch has a single image, .* use another batch_size"
    ):
        RECIPE.fit([network], make_images(33), torch.arange(33).unsqueeze(0), device=CPU, seeds=[0])


def test_the_studys_recipe_has_the_address_that_stored_models_have():
    told = {"class": "Supervised", "version": 1, "lr": 0.5, "gamma": 0.9, "epochs": 2, "batch_size": 16}
    assert RECIPE.address == told


class Slowed(torch.optim.SGD):
    """An optimiser of one's own, whose code an address holds."""


def test_an_address_tells_optimiser_scheduler_and_augmentation_with_settings_and_code():
    recipes = [RECIPE, RESIDUAL, replace(RESIDUAL, crop=3), replace(RESIDUAL, flips=False)]
    for made in (torch.optim.SGD, partial(torch.optim.SGD, momentum=0.8), torch.optim.Adam, Slowed):
        recipes.append(replace(RESIDUAL, optimizer=partial(made)))
    told = [json.dumps(recipe.address) for recipe in recipes]
    assert len(set(told)) == len(told)
    assert RESIDUAL.address["optimizer"].items() >= {"_target_": "torch.optim.sgd.SGD", "nesterov": True}.items()
    assert recipes[-1].address["optimizer"]["code"] != RESIDUAL.address["optimizer"]["code"]


def test_a_recipes_address_changes_with_its_settings_and_with_the_version_of_its_code(monkeypatch):
    before = RECIPE.address
    assert before["lr"] == 0.5
    assert replace(RECIPE, gamma=0.8).address != before
    monkeypatch.setattr(Supervised, "VERSION", Supervised.VERSION + 1)
    assert RECIPE.address != before
