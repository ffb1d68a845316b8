"""The device that networks work on, and quiet while they do."""

import logging
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import torch

from privattack.errors import UserError

Precision = Literal["float32", "tf32", "bf16"]


def device_of(accelerator: str) -> torch.device:
    """Return the device behind `accelerator` (`cpu`, `gpu` or `auto`).

    Raises:
        UserError: a GPU is asked for and there is none, or the word is unknown.
    """
    if accelerator not in ("cpu", "gpu", "auto"):
        raise UserError(f"trainer.accelerator={accelerator}: needs one of cpu, gpu, auto.")
    available = torch.cuda.is_available()
    if accelerator == "gpu" and not available:
        raise UserError("trainer=gpu: PyTorch sees no GPU on this machine; use trainer=cpu or trainer=auto.")
    return torch.device("cuda" if available and accelerator != "cpu" else "cpu")


@contextmanager
def products_in(precision: Precision) -> Iterator[None]:
    """Let a GPU's matrix products be of fewer bits meanwhile, forwards and backwards, where `precision` is `tf32`."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else before)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def name_of(device: torch.device) -> str:
    """Return the name of a GPU, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError):  # what only Linux has
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(": ")[2]
    return platform.machine()


def keep_quiet() -> None:
    """Keep out what Lightning and PyTorch say about every training; warnings that matter stay."""
    for package in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(package).setLevel(logging.WARNING)
    for message in (
        # The store puts its checkpoint where the last process left one, on purpose.
        "Checkpoint directory .* exists and is not empty",
        # Curves have a point per epoch here, so the interval between steps means nothing.
        "The number of training batches .* is smaller than",
        ".*LeafSpec.* is deprecated",
        # Weights that are not finite end a training with a sentence of ours.
        "Encountered `nan` values",
        # All data lies in memory.
        ".*does not have many workers",
    ):
        warnings.filterwarnings("ignore", message=message)
