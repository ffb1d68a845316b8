import pytest
import torch

from privattack.data.parts import split_by_class


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_a_split_has_every_image_once_and_every_class_twice(share):
    labels = torch.tensor([0] * 10 + [1] * 2 + [2] * 5)
    train, test = split_by_class(labels, test_share=share, seed=4)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(17))
    assert len(labels[train].unique()) == len(labels[test].unique()) == 3


def test_a_split_follows_its_seed():
    labels = torch.arange(100) % 2
    first, again, other = (split_by_class(labels, test_share=0.2, seed=seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again != other
