from functools import partial

import pytest
import torch
from torch import nn

from privattack.models import fitting
from privattack.models.fitting import Training, bar, fit


def regression(optimiser, *, as_one: bool, after_epoch=()) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 1))
    inputs, answers = torch.randn(1, 20, 5), torch.randn(1, 20, 1)
    training = Training(network, optimiser, as_one=as_one)
    fit(
        training,
        lambda epoch: [(inputs[:, :10], answers[:, :10]), (inputs[:, 10:], answers[:, 10:])],
        lambda inputs, answers: (network(inputs) - answers).square().mean(dim=(1, 2)),
        epochs=3,
        after_epoch=after_epoch,
    )
    return network


@pytest.mark.parametrize("optimiser", [torch.optim.Adadelta, torch.optim.Adam, torch.optim.SGD, torch.optim.RMSprop])
def test_parameters_as_one_end_as_each_would(optimiser):
    one, many = (regression(partial(optimiser, lr=0.1), as_one=as_one) for as_one in (True, False))
    for weight, same in zip(one.parameters(), many.parameters(), strict=True):
        assert torch.equal(weight, same)


def test_hooks_are_called_after_every_epoch_with_its_losses():
    seen = []
    network = regression(torch.optim.Adam, as_one=False, after_epoch=[lambda one: seen.append((one.epoch, one.losses))])
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert all(losses.shape == (1, 2) and not losses.requires_grad for _, losses in seen)
    assert not network.training


def test_one_bar_goes_once_through_all_epochs(monkeypatch):
    bars = []

    class Recorder:
        def __init__(self, *, total, desc, **_):
            self.total, self.n, self.description, self.closed = total, 0, desc, False
            bars.append(self)

        def update(self, epochs):
            self.n += epochs

        def close(self):
            self.closed = True

    monkeypatch.setattr(fitting, "tqdm", Recorder)
    regression(torch.optim.Adam, as_one=False, after_epoch=bar("Training it", 3, True))
    (shown,) = bars
    assert (shown.n, shown.total, shown.closed, shown.description) == (3, 3, True, "Training it")


def test_no_bar_is_drawn_where_the_output_is_no_terminal_or_none_is_wanted(capfd):
    regression(torch.optim.Adam, as_one=False, after_epoch=[*bar("Training", 3, True), *bar("Training", 3, False)])
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
