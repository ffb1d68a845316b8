import pytest
import torch
from torch import nn

from privattack.attacks.extraction.mea import ModelExtraction
from privattack.attacks.extraction.semisupervised import SemiSupervised
from privattack.data.images import LabelledImages, digests
from privattack.data.query_pool import QueryPool
from privattack.data.sources import digits
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.models.networks import MLP
from privattack.models.surrogate import SurrogateTrainer
from privattack.service import Service

SEEDS = [3, 4]
CLASSES = 4


def quadrants(n, *, seed=0):
    """Return noise with a brighter patch in one of four quadrants, at a place of its own there."""
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 120, (n, 28, 28), generator=random)
    labels = torch.randint(0, CLASSES, (n,), generator=random)
    offsets = torch.randint(3, 7, (n, 2), generator=random)
    for image, label, (row, column) in zip(images, labels.tolist(), offsets.tolist(), strict=True):
        row, column = row + 14 * (label // 2) - 1, column + 14 * (label % 2) - 1
        image[row : row + 6, column : column + 6] += 70
    return LabelledImages(images.to(torch.uint8), labels)


def target(pixels):
    """Name the quadrant that is brightest: neither a small shift nor a small turn changes it."""
    return (60 * pixels[:, 0].unflatten(2, (2, 14)).unflatten(1, (2, 14)).mean(dim=(2, 4)).flatten(1)).log_softmax(
        dim=1
    )


def tiny(*, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))


def perceptron(*, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, classes))


def extract(
    pool, *, budgets, attack=SemiSupervised, defence=None, seeds=SEEDS, network=tiny, epochs=1, labels=True, **settings
):
    surrogates = SurrogateTrainer(network=network, epochs=epochs, lr=2e-3, batch_size=16)
    if attack is SemiSupervised:
        settings = {"steps": 3, **settings}
    services = [Service(target, defence or NoDefence(), budget=budgets[-1]) for _ in seeds]
    made = attack(**settings)
    return made.run(services, QueryPool(pool, CLASSES, labels), surrogates, budgets=budgets, seeds=seeds), services


def fidelity(surrogates, pixels):
    agrees = surrogates.predict(pixels).argmax(dim=3) == target(pixels).argmax(dim=1)
    return agrees.double().mean(dim=(1, 2)).tolist()


@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly()], ids=lambda defence: type(defence).__name__)
def test_from_few_queries_it_copies_what_supervised_surrogates_cannot(defence):
    pool, pixels = quadrants(600), quadrants(400, seed=1).pixels()
    alike = {"budgets": [12], "defence": defence, "network": perceptron, "attackers": ["adaptive", "no_query"]}
    found, _ = extract(pool, **alike, epochs=8, steps=25)
    supervised, _ = extract(pool, **alike, epochs=200, attack=ModelExtraction)  # as many steps
    for better, worse in zip(fidelity(found.surrogates, pixels), fidelity(supervised.surrogates, pixels), strict=True):
        assert better > worse + 0.1


def test_what_helps_is_the_unlabelled_images_not_only_the_shifts_of_those_with_answers():
    """On handwritten digits, of which a few tell little and all of them how each is written."""
    data = digits()
    everything = data.train.join(data.test)
    known = dict(zip(everything.digests, everything.labels, strict=True))

    def oracle(pixels):
        labels = torch.stack([known[digest] for digest in digests(pixels)])
        return (20.0 * nn.functional.one_hot(labels, 10)).log_softmax(dim=1)

    agreement = []
    for weight in (1.0, 0.0):
        surrogates = SurrogateTrainer(network=MLP, epochs=12, lr=2e-3, batch_size=16)
        attack = SemiSupervised(attackers=["adaptive"], steps=40, threshold=0.9, weight=weight)
        seeds = [3, 4, 5, 6]
        services = [Service(oracle, LabelOnly(), budget=40) for _ in seeds]
        found = attack.run(services, QueryPool(data.train, 10), surrogates, budgets=[40], seeds=seeds)
        named = found.surrogates.predict(data.test.pixels())[0].argmax(dim=2)
        agreement.append((named == data.test.labels).double().mean().item())
    with_them, without = agreement
    assert with_them > without + 0.03


def test_queries_are_those_of_plain_extraction_whatever_the_budget():
    pool = quadrants(60)
    plain, _ = extract(pool, budgets=[60], attack=ModelExtraction)
    for budget in (1, 17, 60):
        found, services = extract(pool, budgets=[budget])
        for one, same, service in zip(found.asked, plain.asked, services, strict=True):
            assert torch.equal(one.places, same.places[:budget])
            assert (service.images, service.unique_images, service.refused) == (budget, budget, 0)


def test_a_curve_is_what_runs_of_each_budget_would_find_and_the_same_seeds_the_same_surrogates():
    pool, pixels = quadrants(60), quadrants(10, seed=1).pixels()
    together, _ = extract(pool, budgets=[10, 40])
    for budget, surrogates in together.curve:
        alone, _ = extract(pool, budgets=[budget])
        assert torch.equal(surrogates.predict(pixels), alone.surrogates.predict(pixels))


def test_a_repetition_is_the_same_whichever_others_run():
    pool, pixels = quadrants(60), quadrants(10, seed=1).pixels()
    both, one = (extract(pool, budgets=[20], seeds=seeds)[0].surrogates for seeds in (SEEDS, SEEDS[1:]))
    torch.testing.assert_close(one.predict(pixels)[:, 0], both.predict(pixels)[:, 1], rtol=1e-4, atol=1e-4)
    assert (both.predict(pixels)[:, 0] - both.predict(pixels)[:, 1]).abs().max() > 0.01


def test_the_published_attacker_learns_labels_and_the_adaptive_one_what_the_service_reveals():
    pool, pixels = quadrants(60), quadrants(10, seed=1).pixels()
    for defence, alike in ((NoDefence(), False), (LabelOnly(), True)):
        found, _ = extract(pool, budgets=[20], defence=defence, attackers=["published", "adaptive"])
        published, adaptive = found.surrogates.predict(pixels)
        assert torch.allclose(published, adaptive, atol=1e-4) == alike


def test_without_labels_of_its_own_nobody_learns_without_a_query():
    found, _ = extract(quadrants(60), budgets=[20], labels=False)
    assert [name for name, _ in found.attackers] == ["published", "adaptive"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("mu", 0), ("steps", 0), ("threshold", -0.1), ("threshold", 1.1), ("threshold", float("nan")),
        ("weight", -1.0), ("weight", float("inf")), ("weight", float("nan")),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(setting, value):
    with pytest.raises(UserError, match=rf"^{setting}={value}: needs .*\.$"):
        SemiSupervised(**{setting: value})
