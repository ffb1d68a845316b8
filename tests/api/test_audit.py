"""The audit of a model that the caller has in hand."""

import numpy as np
import pytest
import torch
from torch import nn

import privattack
from privattack.attacks.membership.gap import Gap
from privattack.data.given import labelled
from privattack.defences.label_only import LabelOnly
from privattack.models.networks import MLP

CLASSES = 10
QUICK = ("shadow.count=4", "shadow.epochs=3", "shadow.gamma=1", "surrogate.epochs=1", "repetitions=1")


@pytest.fixture(scope="module")
def parts(make_images):
    members, nonmembers = make_images(60, seed=1), make_images(80, seed=2)
    return {name: (part.images, part.labels) for name, part in (("members", members), ("nonmembers", nonmembers))}


class Overfitted(nn.Module):
    """Knows its members by heart: their class gets a large logit, and others a class that is not the nearest's."""

    def __init__(self, images, labels):
        super().__init__()
        self.register_buffer("known", images.flatten(1).float() / 255)
        self.register_buffer("labels", labels)
        self.dropout = nn.Dropout(0.5)

    def forward(self, pixels):
        near, place = torch.cdist(pixels.flatten(1), self.known).min(dim=1)
        known = near < 1e-2
        named = torch.where(known, self.labels[place], (self.labels[place] + 1) % CLASSES)
        return self.dropout(torch.where(known, 8.0, 2.0)[:, None] * nn.functional.one_hot(named, CLASSES))


@pytest.fixture(scope="module")
def model(parts):
    return Overfitted(*parts["members"]).train()


def auc(found, name):
    (attacker,) = (one for one in found.result.attackers if one.name == name)
    return attacker.metrics["auc"].value


@pytest.mark.parametrize(("attack", "name"), [("loss", "loss"), ("gap", "gap"), ("mia", "adaptive")])
def test_attacks_without_shadow_models_find_what_a_model_knows_by_heart(attack, name, model, parts):
    found = privattack.audit(model, **parts, attack=attack, settings=["repetitions=1"])
    assert auc(found, name) > 0.95
    assert 0.2 < auc(found, "blind") < 0.8
    result = found.result
    assert (result.run.attack, result.run.data, result.run.nonmembers) == (attack, "own", "own")
    assert result.target.train_accuracy.value == 1.0
    assert result.service.images == 120
    assert model.training  # left as it was
    assert model.dropout.training


def test_shadow_models_are_trained_by_a_factory(parts, tmp_path):
    torch.manual_seed(0)
    network = lambda: MLP(classes=CLASSES)  # noqa: E731
    settings = [*QUICK, f"store={tmp_path}"]
    found = privattack.audit(network(), **parts, attack="lira", network=network, settings=settings)
    assert found.result.shadow.count == found.result.shadow.trained == 4
    assert [one.name for one in found.result.attackers] == ["lira", "blind"]
    again = privattack.audit(network(), **parts, attack="rmia", network=network, settings=settings)
    assert again.result.shadow.trained == 0


def test_extraction_needs_no_members(model, parts):
    test = parts["nonmembers"]
    found = privattack.audit(model, test=test, attack="mea", defence="label_only", budget=50, settings=QUICK)
    result = found.result
    assert (result.service.images, result.run.defence) == (50, "label_only")
    assert {one.name for one in result.attackers} == {"published", "adaptive", "no_query"}
    assert result.target.train_accuracy.value is None
    assert result.pool.images == len(test[0])


def test_attack_and_defence_can_be_objects(model, parts):
    found = privattack.audit(model, **parts, attack=Gap(), defence=LabelOnly(tiny=1e-5))
    assert (found.result.run.attack, found.result.run.defence) == ("gap", "labelonly")


OUTPUTS = {
    "logits": lambda logits: logits,
    "log-probabilities": lambda logits: logits.log_softmax(dim=1),
    "probabilities": lambda logits: logits.softmax(dim=1),
    "an array": lambda logits: logits.double().softmax(dim=1).numpy(),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_whatever_a_model_answers_the_figures_are_the_same(kind, model, parts, caplog):
    caplog.set_level("INFO")
    model.eval()

    def answer(pixels):
        return OUTPUTS[kind](model(pixels))

    found = privattack.audit(answer, **parts, attack="loss", settings=["repetitions=1"])
    model.train()
    assert auc(found, "loss") == pytest.approx(1.0, abs=0.01)
    said = "probabilities" if kind == "an array" else kind
    assert f"answers {said} of 10 classes" in caplog.text


def test_images_in_any_form_are_the_same_images(model, parts):
    images, labels = parts["members"]
    forms = [
        (images.squeeze(1), labels),
        (images.numpy() / 255, labels.numpy()),
        (images.float() / 255, labels.tolist()),
    ]
    expected = privattack.audit(model, **parts, attack="gap").result
    for form in forms:
        found = privattack.audit(model, members=form, nonmembers=parts["nonmembers"], attack="gap").result
        assert found.attackers == expected.attackers
        assert found.target.fingerprint == expected.target.fingerprint


def test_mean_and_deviation_are_taken_out_for_the_model(parts):
    seen = []

    def answer(pixels):
        seen.append(pixels)
        return torch.zeros(len(pixels), CLASSES).scatter(1, torch.zeros(len(pixels), 1, dtype=torch.int64), 1.0)

    privattack.audit(answer, **parts, attack="gap", mean=0.5, std=[0.25])
    assert seen[0].min() == pytest.approx(-2.0)


def test_a_result_is_written_where_it_is_asked_for(model, parts, tmp_path):
    found = privattack.audit(model, **parts, attack="gap", folder=tmp_path / "mine")
    assert privattack.load(tmp_path / "mine").result == found.result
    assert "gap" in found.report(tmp_path / "page.html").read_text()
    with pytest.raises(privattack.UserError, match="holds a result already"):
        privattack.audit(model, **parts, attack="gap", folder=tmp_path / "mine")


def zeros(pixels, classes=CLASSES):
    return torch.zeros(len(pixels), classes)


WRONG_MODELS = {
    "dict": (lambda pixels: {"logits": zeros(pixels)}, r"answers a dict for images \(32, 1, 28, 28\)"),
    "tuple": (lambda pixels: (zeros(pixels), 1), "answers a tuple"),
    "channels": (nn.Conv2d(3, 10, 3), r"cannot take images \(32, 1, 28, 28\) \(RuntimeError: "),
    "map": (nn.Conv2d(1, 10, 3), r"answers a tensor \(32, 10, 26, 26\)"),
    "few outputs": (lambda pixels: zeros(pixels, 5), r"labels from 0 to 9, and the model answers 5 classes"),
    "one output": (lambda pixels: zeros(pixels, 1), r"answers a tensor \(32, 1\)"),
    "NaN": (lambda pixels: zeros(pixels) * torch.nan, "not finite"),
    "labels": (lambda pixels: zeros(pixels).long(), "numbers of type int64"),
}


@pytest.mark.parametrize("kind", WRONG_MODELS)
def test_a_model_that_cannot_be_attacked_is_refused(kind, parts):
    answer, sentence = WRONG_MODELS[kind]
    with pytest.raises(privattack.UserError, match=sentence) as caught:
        privattack.audit(answer, **parts, attack="loss")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"members": None}, r"^attack=loss: membership inference needs members="),
        ({"members": None, "nonmembers": None}, r"^test: no images are given"),
        ({"nonmembers": None}, r"^attack=loss: membership inference needs members=|^test: no images"),
        ({"attack": "lira"}, r"^attack=lira: trains shadow models .* use attack=mia, loss or gap"),
        ({"attack": "lirra"}, r"^attack=lirra: there is no such option; choose one of "),
        ({"defence": "mad_max"}, r"^defence=mad_max: there is no such option"),
        ({"settings": ["data=digits"]}, r"^settings=data=digits: an audit's own arguments"),
        ({"settings": ["target.epochs=3"]}, r"^settings=target\.epochs=3: an audit's own arguments"),
        ({"budget": 1}, r"^budget=1: "),
        ({"budget": 0}, r"^budget=0: "),
        ({"std": 0.0}, r"^std=0\.0: needs a number above 0"),
        ({"mean": [1.0, 2.0]}, r"^mean=\[1\.0, 2\.0\]: needs a number, or 1"),
        ({"attack": "lira", "network": lambda: 3}, r"^network: makes a int"),
        ({"attack": "lira", "network": lambda: MLP(classes=3)}, r"^network: answers a tensor \(32, 3\)"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(changes, sentence, model, parts):
    with pytest.raises(privattack.UserError, match=sentence):
        privattack.audit(model, **({"attack": "loss"} | parts | changes))


def test_members_among_the_nonmembers_are_refused(model, parts):
    with pytest.raises(privattack.UserError, match="60 images are members, too"):
        privattack.audit(model, members=parts["members"], nonmembers=parts["members"], attack="loss")


WRONG_IMAGES = {
    "alone": (np.zeros((4, 1, 8, 8), np.uint8), "is a ndarray; give"),
    "no labels": ((np.zeros((4, 1, 8, 8), np.uint8), []), "4 images and 0 labels|has labels"),
    "flat": ((np.zeros((4, 64), np.uint8), [0, 1, 2, 3]), r"has images \(4, 64\) of type uint8"),
    "bytes as numbers": ((np.full((4, 1, 8, 8), 255.0), [0, 1, 2, 3]), "pixels from 255 to 255; give them from 0 to 1"),
    "integers": ((np.zeros((4, 1, 8, 8), int), [0, 1, 2, 3]), "of type int64"),
    "text": (([["a"]], [0]), "cannot be taken as an array"),
    "one-hot": ((np.zeros((4, 1, 8, 8), np.uint8), np.eye(4)), r"has labels \(4, 4\)"),
}


@pytest.mark.parametrize("kind", WRONG_IMAGES)
def test_images_in_a_form_that_nobody_knows_are_refused(kind):
    given, sentence = WRONG_IMAGES[kind]
    with pytest.raises(privattack.UserError, match=f"^members: .*{sentence}"):
        labelled("members", given)


def test_rounded_pixels_are_said(model, parts, caplog):
    images, labels = parts["members"]
    members = ((images.float() + 0.4).div(256), labels)
    privattack.audit(model, members=members, nonmembers=parts["nonmembers"], attack="gap")
    assert "members: pixels are rounded to 8 bits" in caplog.text
