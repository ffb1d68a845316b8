import pytest
import torch
from torch import nn

from privattack.attacks.extraction.mea import ModelExtraction
from privattack.attacks.extraction.semisupervised import SemiSupervised
from privattack.data.images import LabelledImages, digests
from privattack.data.sources import digits
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.models.networks import MLP
from tests.attacks.extracting import extract, fidelity, trainer

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
    return LabelledImages(images.to(torch.uint8).unsqueeze(1), labels)


def target(pixels):
    """Name the quadrant that is brightest: neither a small shift nor a small turn changes it."""
    return (60 * pixels[:, 0].unflatten(2, (2, 14)).unflatten(1, (2, 14)).mean(dim=(2, 4)).flatten(1)).log_softmax(
        dim=1
    )


def perceptron(*, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, classes))


@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly()], ids=lambda defence: type(defence).__name__)
def test_from_few_queries_it_copies_what_supervised_surrogates_cannot(defence):
    pool, pixels = quadrants(600), quadrants(400, seed=1).pixels()
    fidelities = []
    for attack, epochs in ((SemiSupervised(steps=25), 8), (ModelExtraction(), 200)):  # as many steps
        surrogates = trainer(network=perceptron, epochs=epochs, lr=2e-3, batch_size=16)
        settings = {"target": target, "defence": defence, "classes": CLASSES, "surrogates": surrogates}
        fidelities.append(fidelity(extract(attack, pool, budgets=[12], **settings)[0], pixels, target))
    found, supervised = fidelities
    assert found["adaptive"] > supervised["adaptive"] + 0.1
    assert found["no_query"] > supervised["no_query"] + 0.1


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
        attack = SemiSupervised(attackers=["adaptive"], steps=40, threshold=0.9, weight=weight)
        surrogates = trainer(network=MLP, epochs=12, lr=2e-3, batch_size=16)
        settings = {"target": oracle, "defence": LabelOnly(), "seeds": [3, 4], "surrogates": surrogates}
        found, _ = extract(attack, data.train, budgets=[40], **settings)
        named = found.surrogates.predict(data.test.pixels())[0].argmax(dim=2)
        agreement.append((named == data.test.labels).double().mean().item())
    with_them, without = agreement
    assert with_them > without + 0.03


def test_queries_are_those_of_plain_extraction_whatever_the_budget():
    settings = {"target": target, "classes": CLASSES}
    plain, _ = extract(ModelExtraction(), quadrants(60), budgets=[60], **settings)
    for budget in (1, 17, 60):
        found, _ = extract(SemiSupervised(steps=3), quadrants(60), budgets=[budget], **settings)
        for one, same in zip(found.asked, plain.asked, strict=True):
            assert torch.equal(one.places, same.places[:budget])


def test_the_published_attacker_learns_labels_and_the_adaptive_one_what_the_service_reveals():
    pool, pixels = quadrants(60), quadrants(10, seed=1).pixels()
    for defence, alike in ((NoDefence(), False), (LabelOnly(), True)):
        attack = SemiSupervised(attackers=["published", "adaptive"], steps=3)
        found, _ = extract(attack, pool, budgets=[20], defence=defence, target=target, classes=CLASSES)
        published, adaptive = found.surrogates.predict(pixels)
        assert torch.allclose(published, adaptive, atol=1e-4) == alike


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
