import math

import pytest
import torch

from privattack.defences.base import Reveals
from privattack.defences.label_only import LabelOnly

PIXELS = torch.zeros(3, 1, 28, 28)


def test_every_row_names_its_own_winner():
    said = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]).log()
    assert LabelOnly()(said, PIXELS).argmax(dim=1).tolist() == [0, 1, 2]


def test_every_row_has_exactly_one_winner():
    winners = torch.tensor([2, 2, 0, 1, 0, 1, 1, 2])
    said = torch.nn.functional.one_hot(winners, 3).to(torch.float32).log_softmax(dim=1)
    answer = LabelOnly()(said, torch.zeros(8, 1, 28, 28)).exp()
    assert ((answer > 0.5).sum(dim=1) == 1).all()
    assert (answer > 0.5).sum(dim=0).tolist() == [2, 3, 3]


@pytest.mark.parametrize("tiny", [1e-7, 1e-3])
def test_the_answer_is_the_original_studys(tiny):
    said = torch.tensor([[0.1, 0.9], [0.6, 0.4], [0.5, 0.5]]).log()
    low, high = math.log(tiny), math.log1p(tiny)
    expected = torch.tensor([[low, high], [high, low], [high, low]])
    torch.testing.assert_close(LabelOnly(tiny=tiny)(said, PIXELS), expected)


def test_how_sure_the_target_is_does_not_show():
    sure = torch.tensor([[0.98, 0.01, 0.01]]).log()
    unsure = torch.tensor([[0.34, 0.33, 0.33]]).log()
    assert torch.equal(LabelOnly()(sure, PIXELS[:1]), LabelOnly()(unsure, PIXELS[:1]))
    assert LabelOnly.reveals is Reveals.LABEL
