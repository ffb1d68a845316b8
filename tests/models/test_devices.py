import logging
import warnings

import pytest
import torch

from privattack.errors import UserError
from privattack.models.devices import device_of, keep_quiet

CPU = torch.device("cpu")


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


def test_a_warning_that_matters_is_still_seen():
    keep_quiet()
    with pytest.warns(UserWarning, match="of the user's own"):
        warnings.warn("something of the user's own", stacklevel=1)
