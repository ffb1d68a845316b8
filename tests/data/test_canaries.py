"""Canaries stand at the end of the training part, each learnt by a coin's decision."""

import pytest
import torch

from privattack.data.images import DataSet
from privattack.data.splits import halves_and_coins, split_training
from privattack.errors import UserError
from tests.composing import made, options

KINDS = [option for option in options("canaries") if option != "none"]


@pytest.fixture(scope="module")
def data(make_images) -> DataSet:
    return DataSet.of("made up", 10, make_images(800), make_images(50, seed=1))


@pytest.mark.parametrize("kind", KINDS)
def test_canaries_take_the_place_of_images_and_no_two_are_alike(kind, data):
    canaries = made("canaries", f"canaries={kind}", "canaries.count=300")
    changed = canaries.inserted(data, seed=1)
    assert (len(changed.train), changed.canaries) == (800, 300)
    assert len(set(changed.train.digests)) == 800
    assert changed.checksum != data.checksum
    assert (changed.mean, changed.std) == (data.mean, data.std)
    assert changed.test is data.test
    assert changed.train.labels.max() < 10
    kept = set(changed.train.digests[:500])
    assert kept < set(data.train.digests)
    assert not kept & set(changed.train.digests[500:])
    assert canaries.inserted(data, seed=1).checksum == changed.checksum
    assert canaries.inserted(data, seed=2).checksum != changed.checksum


def test_natural_and_mislabelled_ones_are_the_datas_own_images(data):
    known = dict(zip(data.train.digests, data.train.labels.tolist(), strict=True))
    for kind, keeps in (("natural", True), ("mislabelled", False)):
        changed = made("canaries", f"canaries={kind}", "canaries.count=300").inserted(data, seed=1)
        for digest, label in zip(changed.train.digests[500:], changed.train.labels[500:].tolist(), strict=True):
            assert (known[digest] == label) is keeps


def test_without_canaries_nothing_changes(data):
    assert made("canaries").inserted(data, seed=1) is data


def test_more_canaries_than_images_are_refused(data):
    with pytest.raises(UserError, match=r"canaries.count=800: needs fewer than the 800 training images"):
        made("canaries", "canaries=blank", "canaries.count=800").inserted(data, seed=1)


def test_each_canary_is_learnt_by_a_coin_of_its_own_and_members_are_who_they_were():
    split, plain = (split_training(500, train_size=200, seed=3, canaries=count) for count in (300, 0))
    assert torch.equal(split.members, plain.members)
    assert torch.equal(split.held_out, plain.held_out)
    assert torch.equal(torch.cat([split.canaries, split.spared]).sort().values, torch.arange(500, 800))
    heads = [len(split_training(500, train_size=200, seed=seed, canaries=300).canaries) for seed in range(60)]
    assert sum(heads) / 60 == pytest.approx(150, abs=4)
    assert torch.tensor(heads).double().std().item() == pytest.approx(8.66, rel=0.35)  # binomial: no fixed half
    assert torch.equal(split.learnt, torch.cat([split.members, split.canaries]))


def test_shadow_models_toss_coins_too_and_each_canary_is_in_half_of_them():
    halves = halves_and_coins(100, 50, models=6, seed=0)
    assert (halves[:, :100].sum(dim=1) == 50).all()
    assert (halves[:, 100:].sum(dim=0) == 3).all()
    assert len({*halves[::2, 100:].sum(dim=1).tolist()}) > 1
