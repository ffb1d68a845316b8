"""Images that are the same on both sides tell nothing: refused where all are, said where some are."""

import logging

import numpy as np
import pytest

from privattack.data.apart import check_apart
from privattack.errors import UserError
from privattack.experiment import prepare
from tests.composing import composed


def test_images_that_all_lie_among_the_others_are_refused_and_some_are_said(make_images, caplog):
    images, others = make_images(10), make_images(6, seed=1)
    with pytest.raises(UserError, match=r"^them: all 10 images are the same; give other images\.$"):
        check_apart("them", images, images, so="are the same")
    with caplog.at_level(logging.WARNING):
        check_apart("them", images, others, so="are the same")
        assert caplog.messages == []
        check_apart("them", images.join(others), others, so="are the same")
    assert caplog.messages == ["them: 6 of 16 images are the same."]


def prepared(folder, train, test, *overrides):
    parts = {"train": train, "test": test}
    images = {f"{name}_images": np.stack([np.full((8, 8), value, np.uint8) for value in values])
              for name, values in parts.items()}  # fmt: skip
    labels = {f"{name}_labels": np.arange(len(values)) % 2 for name, values in parts.items()}
    np.savez(folder / "own.npz", **images, **labels)
    return prepare(composed("data=arrays", f"data.path={folder / 'own.npz'}", "target=mlp", *overrides))


def test_a_test_part_that_is_the_training_part_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"^data's test part: all 40 images lie in the training part, too, so that"):
        prepared(tmp_path, range(40), range(40), "attack=mea", "budget=20")


def test_non_members_that_are_members_are_refused(tmp_path):
    same = [1, 2] * 30
    settings = ("attack=mia", "nonmembers=holdout", "target.train_size=30", "budget=20")
    with pytest.raises(UserError, match=r"^nonmembers: all 30 images are members, too, so that nothing tells them"):
        prepared(tmp_path, same, range(3, 40), *settings)
