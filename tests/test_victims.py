"""A victim opens sessions: each has a budget and a defence of its own, and the judge has the truth."""

import pytest
import torch

from privattack.data.images import LabelledImages
from privattack.defences.flatten import Flatten
from privattack.defences.label_only import LabelOnly
from privattack.models.remembered import RememberedTarget
from privattack.models.targets import TrainedTarget
from privattack.service import BudgetExceeded
from privattack.victims import LocalVictim


@pytest.fixture
def images(make_images) -> LabelledImages:
    return make_images(20)


@pytest.fixture
def target(images, planted_target) -> TrainedTarget:
    model = RememberedTarget(planted_target)
    return TrainedTarget(
        model=model,
        fingerprint="0" * 16,
        trained=False,
        history=[],
        member_hits=torch.ones(20, dtype=torch.bool),
        test_log_probabilities=model.remember(images),
        seconds=0.0,
    )


def test_sessions_share_neither_budget_nor_noise(target, images):
    victim = LocalVictim(target, Flatten(fresh=True))
    pixels = images.pixels()
    first, second = victim.open(budget=20, seed=1), victim.open(budget=40, seed=1)
    assert torch.equal(first.query(pixels), second.query(pixels))
    with pytest.raises(BudgetExceeded):
        first.query(pixels[:1])
    assert second.remaining == 20
    assert not torch.equal(victim.open(budget=20, seed=2).query(pixels), second.query(pixels))


def test_the_truth_is_what_the_target_says_whatever_the_defence(target, images, planted_target):
    victim = LocalVictim(target, LabelOnly())
    judged = victim.judged(images)
    assert judged.scores
    assert torch.equal(judged.log_probabilities, planted_target(images.pixels()))
    assert torch.equal(victim.judge(images.pixels()), judged.log_probabilities)
    assert (victim.name, victim.classes) == ("0" * 16, 10)
