"""What users rely on in every defence of conf/ that acts in the training: a recipe like any other."""

import copy
import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from privattack.audits.training import recipe_of
from privattack.command_line.vocabulary import CONF
from privattack.errors import UserError
from privattack.models.checkpoints import Checkpoint
from privattack.models.early_stopping import EarlyStopping
from privattack.models.hamp import HighEntropy, soft_label
from privattack.models.label_smoothing import LabelSmoothing
from privattack.models.relaxloss import RelaxLoss
from privattack.models.target_training import train_target
from tests.composing import composed, made, options

CPU = torch.device("cpu")
SMALL = ["target.epochs=4", "target.batch_size=16", "target.lr=0.1", "target.gamma=0.9"]
QUICK = ["defence.training.delta=0.001", "defence.training.accountant=rdp"]  # of few images


def recipe(option, *words, group="target"):
    words = [*QUICK, "defence.training.batch_size=16", *words] if option == "dp_sgd" else words
    config = composed(f"defence={option}", "attack=lira", *SMALL, *words)
    return recipe_of(config, group, made("defence", f"defence={option}", *words).training)


# Of one class at several strengths, one is enough.
TRAINED = [
    option
    for option in options("defence")
    if "\ntraining:" in (CONF / f"defence/{option}.yaml").read_text() and not option.startswith("dp_sgd_")
]


def built(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 2, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10))


def test_these_act_in_the_training():
    answering_too = {"hamp", "adaptive_misinformation"}
    assert set(TRAINED) == {"label_smoothing", "early_stopping", "relaxloss", "dp_sgd"} | answering_too


@pytest.mark.parametrize("option", TRAINED)
def test_networks_trained_as_one_end_as_each_would_alone(option, make_images):
    pool = make_images(60)
    members = torch.stack([torch.randperm(60, generator=torch.Generator().manual_seed(k))[:40] for k in range(3)])
    alone, together = ([built(number) for number in range(3)] for _ in range(2))
    for number, one in enumerate(alone):
        recipe(option).fit([one], pool, members[[number]], device=CPU, seeds=[number])
    recipe(option).fit(together, pool, members, device=CPU, seeds=[0, 1, 2])
    images = make_images(20, seed=1).pixels()
    for one, other in zip(alone, together, strict=True):
        assert not one.training
        torch.testing.assert_close(one(images), other(images), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("option", TRAINED)
def test_a_killed_training_ends_with_the_bits_of_one_that_was_not(option, make_images, tmp_path):
    pool, whole, killed = make_images(40), built(0), built(0)
    (tmp_path / "model").mkdir()
    path = tmp_path / "model" / "training.ckpt"

    def fit(network, *hooks, **keeping):
        members = torch.arange(40).unsqueeze(0)
        return recipe(option).fit([network], pool, members, seeds=[5], device=CPU, after_epoch=hooks, **keeping)

    def kill(training):
        if training.epoch == 3:
            raise KeyboardInterrupt

    expected = fit(whole)
    with pytest.raises(KeyboardInterrupt):
        fit(killed, kill, checkpoint=Checkpoint(path))
    again = built(1)  # what another process begins with does not matter
    assert fit(again, checkpoint=Checkpoint(path)) == expected
    assert [row["epoch"] for row in expected] == [0, 1, 2, 3]
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


class Deadly(Checkpoint):
    """Kills the training when the last epoch is saved."""

    def __call__(self, training):
        super().__call__(training)
        if training.epoch == 4:
            raise KeyboardInterrupt


@pytest.mark.parametrize("option", TRAINED)
def test_a_training_killed_after_its_last_epoch_is_trained(option, make_images, tmp_path):
    pool, killed, again = make_images(40), built(0), built(1)
    (tmp_path / "model").mkdir()
    path, how = tmp_path / "model" / "training.ckpt", {"seeds": [5], "device": CPU}
    members = torch.arange(40).unsqueeze(0)
    whole = built(0)
    recipe(option).fit([whole], pool, members, **how)
    with pytest.raises(KeyboardInterrupt):
        recipe(option).fit([killed], pool, members, **how, checkpoint=Deadly(path))
    recipe(option).fit([again], pool, members, **how, checkpoint=Checkpoint(path))
    assert not again.training
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("option", "word", "sentence"),
    [
        ("relaxloss", "+defence.training.lr=-0.5", r"training\.lr=-0\.5: needs a number above 0\."),
        ("dp_sgd", "defence.training.batch_size=0", r"training\.batch_size=0: needs a whole number from 1 up\."),
        ("relaxloss", "+defence.training.gamma=7", r"training\.gamma=7: needs a number above 0, up to 1\."),
        ("adaptive_misinformation", "defence.training.weight=-1", r"training\.weight=-1: needs a number from 0 to"),
        (
            "adaptive_misinformation",
            "pool@defence.training.outliers=test",
            r"training\.outliers=TestPart: gives images",
        ),
    ],
)
def test_what_a_defence_sets_is_checked_as_what_the_target_sets(option, word, sentence):
    with pytest.raises(UserError, match=sentence):
        recipe(option, word)


@pytest.mark.parametrize("option", TRAINED)
def test_a_target_is_watched_as_it_is(option, make_images, tmp_path):
    network, test = built(0), make_images(40, seed=1)
    history = train_target(
        network, recipe(option), make_images(40), test, seed=0, device=CPU, checkpoint=tmp_path / "training.ckpt"
    )
    right = network(test.pixels()).argmax(dim=1) == test.labels
    assert history[-1]["test_accuracy"] == right.double().mean().item()


@pytest.mark.parametrize("option", TRAINED)
def test_shadow_models_are_trained_by_it_and_no_other_model_has_its_address(option):
    ours = recipe(option).address
    assert recipe(option, group="shadow").address == ours
    assert ours["class"] != "Supervised"
    name = next(name for name in ("smoothing", "left_out", "alpha", "epsilon", "weight") if name in ours)
    assert recipe(option, f"defence.training.{name}=0.25").address != ours
    json.dumps(ours)


def test_what_a_defence_says_of_the_training_goes_before_what_the_target_says():
    assert recipe("dp_sgd", "target.lr=3").lr == 0.5
    assert recipe("label_smoothing", "+defence.training.epochs=7", "target.epochs=3").epochs == 7


def test_a_chain_trains_as_the_one_of_its_parts_that_acts_in_the_training():
    chain = made("defence", "defence=chain", "+defence@defence.defences.third=relaxloss")
    assert chain.training.func is RelaxLoss
    with pytest.raises(UserError, match=r"defences=\[third, fourth\].*one at most that acts in the training"):
        made(
            "defence", "defence=chain",
            "+defence@defence.defences.third=relaxloss", "+defence@defence.defences.fourth=dp_sgd",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["label_smoothing", "smoothing=2"], "defence.training.smoothing=2: needs a number from 0 to 1."),
        (["relaxloss", "upper=0"], "defence.training.upper=0: needs a number above 0, up to 1."),
        (["hamp", "entropy=1"], "defence.training.entropy=1: needs a number above 0 and below 1."),
        (["dp_sgd", "noise_multiplier=1"], "need a number for one of them, and null for the other"),
        (["dp_sgd", "flips=true"], "DP-SGD trains on images as they are"),
        (["relaxloss", "alfa=1"], "defence.training: does not take these settings"),
    ],
)
def test_a_setting_that_cannot_work_is_named(words, sentence):
    words = [f"defence={words[0]}", f"++defence.training.{words[1]}"]
    with pytest.raises(UserError) as told:
        recipe_of(composed(*words), "target", made("defence", *words).training)
    assert sentence in str(told.value)


SETTINGS = {"lr": 0.1, "gamma": 1.0, "epochs": 1, "batch_size": 8}
LOGITS = torch.randn(2, 8, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.randint(0, 10, (2, 8), generator=torch.Generator().manual_seed(1))


def test_label_smoothing_is_pytorchs():
    ours = LabelSmoothing(**SETTINGS, smoothing=0.3).objective(LOGITS, LABELS, epoch=0)
    for place in range(2):
        torch.testing.assert_close(ours[place], F.cross_entropy(LOGITS[place], LABELS[place], label_smoothing=0.3))


def test_relaxloss_turns_around_at_alpha_and_flattens_what_lies_below_it():
    loss = F.cross_entropy(LOGITS[0], LABELS[0]).item()
    for alpha in (loss - 0.5, loss + 0.5):
        relaxed = RelaxLoss(**SETTINGS, alpha=alpha)
        assert relaxed.objective(LOGITS[:1], LABELS[:1], epoch=0).item() == pytest.approx(0.5)
    above = RelaxLoss(**SETTINGS, alpha=loss - 0.5).objective(LOGITS[:1], LABELS[:1], epoch=1)
    assert above.item() == pytest.approx(loss)

    p = LOGITS[0].softmax(dim=1)
    soft = torch.empty_like(p)
    for row, label in enumerate(LABELS[0].tolist()):
        confidence = min(p[row, label].item(), 0.1)
        soft[row] = (1 - confidence) / 9
        soft[row, label] = confidence
    each = -(soft * p.log()).sum(dim=1)
    below = RelaxLoss(**SETTINGS, alpha=loss + 1, upper=0.1)
    assert below.objective(LOGITS[:1], LABELS[:1], epoch=1).item() == pytest.approx(each.mean().item())
    wrong = p.argmax(dim=1) != LABELS[0]
    theirs = replace(below, reference_code=True).objective(LOGITS[:1], LABELS[:1], epoch=1)
    assert theirs.item() == pytest.approx((wrong * each).mean().item() - loss)


def test_the_target_of_a_flattened_posterior_is_no_way_for_a_gradient():
    logits = LOGITS[:1].clone().requires_grad_()
    RelaxLoss(**SETTINGS, alpha=99.0).objective(logits, LABELS[:1], epoch=1).backward()
    p, labels = logits.detach().softmax(dim=2), LABELS[:1].unsqueeze(2)
    confidence = p.gather(2, labels)
    soft = ((1 - confidence) / 9).expand_as(p).scatter(2, labels, confidence)
    torch.testing.assert_close(logits.grad, (p - soft) / 8)


def test_hamps_soft_labels_are_the_papers():
    """The authors' code goes down in hundredths, to 0.26 and 0.0822 of ten classes."""
    assert 0.26 < soft_label(10, 0.95) < 0.27
    assert 0.0811 < (1 - soft_label(10, 0.95)) / 9 < 0.0822
    assert soft_label(10, 0.0) == pytest.approx(1.0)
    recipe = HighEntropy(**SETTINGS, entropy=0.5, alpha=0.2)
    label = soft_label(10, 0.5)
    said = LOGITS[0].log_softmax(dim=1)
    soft = torch.full_like(said, (1 - label) / 9).scatter(1, LABELS[0].unsqueeze(1), label)
    expected = F.kl_div(said, soft, reduction="batchmean") + 0.2 * (said.exp() * said).sum(dim=1).mean()
    torch.testing.assert_close(recipe.objective(LOGITS[:1], LABELS[:1], epoch=0)[0], expected)


def test_early_stopping_keeps_the_epoch_that_is_best_on_members_it_does_not_learn_from(make_images):
    """Where labels are coins, every epoch makes what was not learnt worse: the first one is kept."""
    pool = make_images(60)
    pool.labels[:] = torch.randint(0, 10, (60,), generator=torch.Generator().manual_seed(7))
    stopping = EarlyStopping(lr=0.5, gamma=1.0, epochs=30, batch_size=8, left_out=0.3)
    seen = []

    def keep(training):
        seen.append(copy.deepcopy(training.extra["lowest"].item()))

    network = built(0)
    stopping.fit([network], pool, torch.arange(60).unsqueeze(0), seeds=[0], device=CPU, after_epoch=[keep])
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) < 15
    accuracy = (network(pool.pixels()).argmax(dim=1) == pool.labels).double().mean()
    assert accuracy < 0.6
