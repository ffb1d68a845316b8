"""DP-SGD: each image changes a step by no more than the clipping norm, and noise covers every weight."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.audits.canaries import PrivacyAudit, Said
from privattack.data.images import LabelledImages
from privattack.errors import SettingError, UserError
from privattack.models.accountants import epsilon_of, noise_for
from privattack.models.dp_sgd import DpSgd
from privattack.models.normalised import Normalised
from privattack.models.per_example import PerExample
from privattack.randomness import generator

CPU = torch.device("cpu")
SETTINGS = {
    "lr": 0.5, "gamma": 1.0, "epochs": 1, "batch_size": 10, "noise_multiplier": 1.0, "delta": 1e-3, "clip": 0.5
}  # fmt: skip
RECIPE = DpSgd(**SETTINGS)


class UnnoisedLayer(DpSgd):
    """Broken: the first layer's weights get no noise."""

    def noised(self, totals, noise_multiplier, streams):
        first = next(iter(totals))
        return super().noised(totals, noise_multiplier, streams) | {first: totals[first]}


class ClippedPerBatch(DpSgd):
    """Broken: the mean of a batch is clipped, not each image's part of it."""

    def summed(self, network, pixels, labels):
        totals, logits = network.summed(pixels, labels, clip=1e9)
        norms = torch.stack([total.flatten(1).square().sum(dim=1) for total in totals.values()]).sum(dim=0).sqrt()
        share = (self.clip * (labels >= 0).sum(dim=1) / norms).clamp(max=1)
        return {name: total * share.view(-1, *[1] * (total.dim() - 1)) for name, total in totals.items()}, logits


def built(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 2, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10))


def flattened(totals) -> torch.Tensor:
    return torch.cat([total[0].flatten() for total in totals.values()])


def batch(make_images, n):
    images = make_images(n)
    return images.pixels().unsqueeze(0), images.labels.unsqueeze(0)


def test_the_sum_of_clipped_gradients_is_that_of_images_one_by_one(make_images):
    network, (pixels, labels) = built(), batch(make_images, 70)
    each = []
    for image, label in zip(pixels[0], labels[0], strict=True):
        loss = F.cross_entropy(network(image.unsqueeze(0)), label.unsqueeze(0))
        each.append([gradient.flatten() for gradient in torch.autograd.grad(loss, [*network.parameters()])])
    gradients = torch.stack([torch.cat(one) for one in each])
    norms = gradients.norm(dim=1, keepdim=True)
    clip = norms.median().item()
    expected = (gradients * (clip / norms).clamp(max=1)).sum(dim=0)
    totals, logits = PerExample([network], RECIPE.losses).summed(pixels, labels, clip=clip)
    torch.testing.assert_close(logits[0], network(pixels[0]))
    torch.testing.assert_close(flattened(totals), expected, rtol=1e-4, atol=1e-5)


def sensitivity(recipe, make_images) -> float:
    """Return how far the sum moves at most where one image leaves."""
    network, (pixels, labels) = PerExample([built()], recipe.losses), batch(make_images, 20)
    everyone = flattened(recipe.summed(network, pixels, labels)[0])
    moved = []
    for place in range(20):
        without = labels.clone()
        without[0, place] = -1
        moved.append((everyone - flattened(recipe.summed(network, pixels, without)[0])).norm().item())
    return max(moved)


def quietest(recipe) -> float:
    """Return the smallest standard deviation of the noise on any weight tensor, over the clipping norm."""
    totals = {name: torch.zeros(1, *weight.shape) for name, weight in built().named_parameters()}
    drawn = [recipe.noised(totals, 2.0, [generator(number)]) for number in range(200)]
    return min(torch.cat([one[name] for one in drawn]).std().item() for name in totals) / recipe.clip


def test_no_image_moves_the_sum_by_more_than_the_clipping_norm(make_images):
    assert sensitivity(RECIPE, make_images) <= RECIPE.clip * (1 + 1e-5)


def test_clipping_per_batch_is_caught(make_images):
    broken = ClippedPerBatch(**SETTINGS)
    assert sensitivity(broken, make_images) > 1.2 * RECIPE.clip


def test_every_weight_gets_the_noise_that_is_promised():
    assert quietest(RECIPE) == pytest.approx(2.0, rel=0.1)


def test_a_layer_without_noise_is_caught():
    assert quietest(UnnoisedLayer(**SETTINGS)) == 0


def test_a_step_is_the_noisy_sum_over_the_expected_batch(make_images):
    pool, network, plain = make_images(50), built(), built()
    seen = []

    class Watched(DpSgd):
        def summed(self, network, pixels, labels):
            totals, logits = super().summed(network, pixels, labels)
            seen.append((int((labels >= 0).sum()), flattened(totals)))
            return totals, logits

    recipe = Watched(lr=0.5, gamma=1.0, epochs=1, batch_size=50, noise_multiplier=0.0, delta=1e-3, clip=0.5)
    recipe.fit([network], pool, torch.arange(50).unsqueeze(0), seeds=[0], device=CPU)
    ((count, total),) = seen
    assert count == 50  # one step: every image with probability 1
    moved = torch.cat([(a - b).flatten() for a, b in zip(plain.parameters(), network.parameters(), strict=True)])
    torch.testing.assert_close(moved, 0.5 * total / 50, rtol=1e-4, atol=1e-6)


def test_batches_are_drawn_image_by_image(make_images):
    sizes = []

    class Watched(DpSgd):
        def summed(self, network, pixels, labels):
            sizes.append(int((labels >= 0).sum()))
            return super().summed(network, pixels, labels)

    recipe = Watched(lr=0.1, gamma=1.0, epochs=12, batch_size=10, noise_multiplier=0.0, delta=1e-3)
    recipe.fit([built()], make_images(100), torch.arange(100).unsqueeze(0), seeds=[0], device=CPU)
    counts = torch.tensor(sizes, dtype=torch.float64)
    assert len(sizes) == 120
    assert counts.mean().item() == pytest.approx(10, abs=3 * 3 / math.sqrt(120))
    assert counts.var().item() == pytest.approx(9, rel=0.5)  # binomial


def test_a_network_that_mixes_images_is_refused(make_images):
    network = nn.Sequential(nn.Conv2d(1, 2, 5), nn.BatchNorm2d(2), nn.Flatten(), nn.LazyLinear(10))
    with pytest.raises(UserError, match="has BatchNorm2d, which mixes the images"):
        RECIPE.fit([network], make_images(20), torch.arange(20).unsqueeze(0), seeds=[0], device=CPU)


def test_rounded_gradients_are_refused():
    with pytest.raises(SettingError, match="precision=bf16: needs float32"):
        replace(RECIPE, precision="bf16")
    with pytest.raises(SettingError, match=r"levers=\[compile\]: DP-SGD has none"):
        replace(RECIPE, levers=("compile",))


def test_no_noise_proves_nothing_and_a_large_delta_is_refused():
    assert replace(RECIPE, noise_multiplier=0.0).privacy(100).epsilon == math.inf
    with pytest.raises(UserError, match="publishes one of its 5000 images, too"):
        RECIPE.privacy(5_000)


opacus = pytest.importorskip("opacus")


def test_epsilon_is_what_opacus_says_after_as_many_steps():
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    for _ in range(30):
        accountant.step(noise_multiplier=1.0, sample_rate=0.1)
    recipe = replace(RECIPE, epochs=3, accountant="rdp")
    proved = recipe.privacy(100)
    assert (proved.steps, proved.sample_rate) == (30, 0.1)
    assert proved.epsilon == pytest.approx(accountant.get_epsilon(1e-3))
    assert replace(recipe, accountant="prv").privacy(100).epsilon < proved.epsilon


def test_the_noise_that_is_found_is_the_least_that_proves_the_claim():
    how = (0.1, 30, 1e-3, "rdp")
    noise = noise_for(2.0, *how)
    assert epsilon_of(noise, *how) <= 2.0 < epsilon_of(noise - 0.001, *how)
    proved = DpSgd(lr=0.5, gamma=1.0, epochs=3, batch_size=10, epsilon=2.0, delta=1e-3, accountant="rdp").privacy(100)
    assert (proved.noise_multiplier, proved.epsilon) == (noise, pytest.approx(epsilon_of(noise, *how)))


@pytest.mark.parametrize(("kind", "caught"), [(DpSgd, False), (UnnoisedLayer, True), (ClippedPerBatch, True)])
def test_an_audit_from_outside_refutes_the_claim_of_a_broken_training_and_of_no_other(kind, caught):
    """Canaries of noise with random labels, of which the model answers what it learnt by heart."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (600, 1, 28, 28), generator=random, dtype=torch.uint8)
    canaries = LabelledImages(images, torch.randint(0, 10, (600,), generator=random))
    learnt = torch.rand(600, generator=random) < 0.5
    recipe = kind(
        lr=1.0, gamma=1.0, epochs=25, batch_size=100, noise_multiplier=8.0, delta=1e-6, clip=1.0, accountant="rdp"
    )
    network = Normalised(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), [0.5], [0.29])
    members = learnt.nonzero().flatten()
    recipe.fit([network], canaries, members.unsqueeze(0), seeds=[0], device=CPU)
    with torch.no_grad():
        scores = -F.cross_entropy(network(canaries.pixels()), canaries.labels, reduction="none").double().numpy()
    said = Said([[Inference("loss", Knowledge.ADAPTIVE, scores, scores > -2)]], [learnt.numpy()], [])
    audit = PrivacyAudit(delta=1e-6).judge(said, targets=False, seed=0)
    bound = next(one for one in audit.bounds if one.method == "one run")
    claim = recipe.privacy(len(members)).epsilon
    assert (bound.epsilon > claim) is caught
    assert claim < bound.ceiling  # it could have been caught


def test_a_claim_that_no_noise_proves_is_refused():
    with pytest.raises(UserError, match=r"defence.training.epsilon=1e-06: no noise proves so little"):
        noise_for(1e-6, 0.5, 1_000, 1e-5, "rdp")
