from pathlib import Path

import numpy as np
import pytest
import torch

from privattack.data import nonmembers as module
from privattack.data.emnist_conversion import emnist_like
from privattack.data.images import LabelledImages
from privattack.data.nonmembers import Emnist, EmnistLike, Holdout, TestPart, Usps
from privattack.data.sources import digits
from privattack.errors import UserError

TEST = digits().test
NOTHING = TEST.take(torch.arange(0))
HELD_OUT = digits().train.take(torch.arange(7))


def test_holdout_is_what_was_held_out():
    assert Holdout().images(held_out=HELD_OUT, test=TEST) is HELD_OUT


def test_holdout_of_nothing_tells_what_would_work():
    with pytest.raises(UserError, match=r"nonmembers=holdout .*target.train_size"):
        Holdout().images(held_out=NOTHING, test=TEST)


def test_test_part_is_the_test_part():
    assert TestPart().images(held_out=NOTHING, test=TEST) is TEST


def test_emnist_is_upright_unless_as_stored(tmp_path, write_idx):
    stored = np.random.default_rng(0).integers(0, 256, (4, 28, 28))
    prefix = tmp_path / "EMNIST/raw/emnist-digits-test"
    write_idx(Path(f"{prefix}-images-idx3-ubyte"), stored)
    write_idx(Path(f"{prefix}-labels-idx1-ubyte"), np.array([0, 1, 8, 9]))
    upright = Emnist(root=str(tmp_path), download=False).images(held_out=NOTHING, test=TEST)
    as_stored = Emnist(root=str(tmp_path), download=False, as_stored=True).images(held_out=NOTHING, test=TEST)
    assert as_stored.images.tolist() == stored.tolist()
    assert torch.equal(upright.images, as_stored.images.mT)
    assert upright.labels.tolist() == [0, 1, 8, 9]


@pytest.mark.parametrize("choice", [Emnist, Usps])
def test_missing_files_tell_which_non_members_need_none(tmp_path, choice):
    with pytest.raises(UserError) as raised:
        choice(root=str(tmp_path), download=False).images(held_out=NOTHING, test=TEST)
    for way_on in ("nonmembers=emnist_like", "nonmembers=test", "data=digits"):
        assert way_on in str(raised.value)


def test_usps_needs_only_its_test_file(tmp_path, write_usps):
    write_usps(tmp_path / "usps.t.bz2", np.zeros((3, 16, 16)), np.array([1, 2, 10]))
    part = Usps(root=str(tmp_path), download=False, verify=False).images(held_out=NOTHING, test=TEST)
    assert part.labels.tolist() == [0, 1, 9]


def test_emnist_like_converts_the_test_part():
    converted = EmnistLike().images(held_out=NOTHING, test=TEST)
    assert torch.equal(converted.images, emnist_like(TEST.images))
    assert torch.equal(converted.labels, TEST.labels)
    as_stored = EmnistLike(as_stored=True).images(held_out=NOTHING, test=TEST)
    assert torch.equal(as_stored.images, converted.images.mT)


def test_a_sweep_converts_the_same_images_once(monkeypatch):
    few = TEST.take(torch.arange(100, 105))
    first = EmnistLike().images(held_out=NOTHING, test=few)
    monkeypatch.setattr(module, "emnist_like", None)
    again = LabelledImages(few.images.clone(), few.labels)
    assert torch.equal(EmnistLike().images(held_out=NOTHING, test=again).images, first.images)


def test_settings_show_in_the_name():
    assert repr(EmnistLike(as_stored=True)) == "EmnistLike(as_stored=True)"
