import logging
import warnings

import lightning
import pytest
import torch
from torch import nn

from privattack.errors import UserError
from privattack.models import training
from privattack.models.training import device_of, keep_quiet, make_trainer

CPU = torch.device("cpu")


class Line(lightning.LightningModule):
    """The least that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch, _):
        return self.layer(batch).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture(autouse=True)
def level():
    """Set Lightning's logging back to what it was."""
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.mark.parametrize("accelerator", ["cpu", "auto"])
def test_without_a_gpu_the_cpu_trains(accelerator, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of(accelerator) == CPU


@pytest.mark.parametrize(("accelerator", "kind"), [("cpu", "cpu"), ("gpu", "cuda"), ("auto", "cuda")])
def test_a_gpu_is_used_where_there_is_one_unless_the_cpu_is_asked_for(accelerator, kind, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of(accelerator).type == kind


def test_a_gpu_that_is_not_there_is_an_error_that_says_what_works(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"trainer=gpu: .* use trainer=cpu or trainer=auto"):
        device_of("gpu")


def test_an_unknown_accelerator_is_named_with_those_there_are():
    with pytest.raises(UserError, match=r"trainer.accelerator=tpu: needs one of cpu, gpu, auto"):
        device_of("tpu")


def test_a_training_says_nothing_and_leaves_nothing_behind(tmp_path, monkeypatch, capfd, recwarn):
    monkeypatch.chdir(tmp_path)
    keep_quiet()
    trainer = make_trainer(device=CPU, epochs=2, description="Training", progress=False)
    trainer.fit(Line(), torch.ones(4, 2, 1))
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
    assert [str(warning.message) for warning in recwarn] == []
    assert list(tmp_path.iterdir()) == []
    assert trainer.current_epoch == 2


def test_a_warning_that_matters_is_still_seen():
    keep_quiet()
    with pytest.warns(UserWarning, match="of the user's own"):
        warnings.warn("something of the user's own", stacklevel=1)


def test_one_bar_goes_once_through_all_epochs(monkeypatch):
    bars = []

    class Recorder:
        def __init__(self, *, total, initial, desc, **_):
            self.total, self.at, self.description, self.closed = total, initial, desc, False
            bars.append(self)

        def set_postfix_str(self, text):
            self.text = text

        def update(self):
            self.at += 1

        def close(self):
            self.closed = True

    monkeypatch.setattr(training, "tqdm", Recorder)
    make_trainer(device=CPU, epochs=3, description="Training it", progress=True).fit(Line(), torch.ones(4, 2, 1))
    (bar,) = bars
    assert (bar.at, bar.total, bar.closed) == (12, 12, True)
    assert (bar.description, bar.text) == ("Training it", "epoch 3/3")


def test_no_bar_is_drawn_where_the_output_is_no_terminal(capfd):
    keep_quiet()
    make_trainer(device=CPU, epochs=1, description="Training", progress=True).fit(Line(), torch.ones(4, 2, 1))
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
