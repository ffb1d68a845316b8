import numpy as np
import pytest
import torch

from privattack.errors import UserError
from privattack.memory import enough_memory


@pytest.mark.parametrize(
    "ask",
    [lambda: torch.zeros(2**55), lambda: torch.zeros(2**40, 2**40), lambda: np.zeros(2**55), lambda: bytearray(2**60)],
    ids=["torch", "torch_overflow", "numpy", "python"],
)
def test_more_memory_than_there_is_is_one_sentence(ask):
    with (
        pytest.raises(UserError, match=r"^memory: these settings ask for more than this machine has; use smaller"),
        enough_memory(),
    ):
        ask()


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="a bug"), enough_memory():
        raise RuntimeError("a bug")
