"""Settings that ask for more memory than there is end a run in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from privattack.errors import UserError

# PyTorch has a type of error for a GPU's memory only.
SIGNS = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed")


@contextmanager
def enough_memory() -> Iterator[None]:
    """Turn the errors of numpy, PyTorch and Python that say there is too little memory into the user's.

    Raises:
        UserError: there is too little.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        known = isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in str(error) for sign in SIGNS)
        if not known:
            raise
        raise UserError(
            "memory: these settings ask for more than this machine has; use smaller budgets, batches or networks, or "
            "fewer shadow models."
        ) from error
