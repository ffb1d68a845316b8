"""What every training shares: the device, the Trainer and its progress bar."""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, ProgressBar
from lightning.pytorch.loggers import Logger
from tqdm import tqdm

from privattack.errors import UserError


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


def keep_quiet() -> None:
    """Keep out what Lightning and PyTorch say about every training; warnings that matter stay."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for message in (
        # The store puts its checkpoint where the last process left one, on purpose.
        "Checkpoint directory .* exists and is not empty",
        # Curves have a point per epoch here, so the interval between steps means nothing.
        "The number of training batches .* is smaller than",
        ".*LeafSpec.* is deprecated",
        # Weights that are not finite end a training with a sentence of ours.
        "Encountered `nan` values",
    ):
        warnings.filterwarnings("ignore", message=message)


class OneBar(ProgressBar):
    """One bar for a whole training, not one per epoch; none where the output is no terminal."""

    def __init__(self, description: str) -> None:
        super().__init__()
        self.description = description
        self._bar: tqdm | None = None

    def disable(self) -> None:
        """Show nothing: Lightning calls this on all processes but the first."""
        self._bar = None

    def on_train_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        chunks = int(self.total_train_batches)
        self._bar = tqdm(
            total=chunks * (trainer.max_epochs or 0),
            initial=chunks * trainer.current_epoch,
            desc=self.description,
            bar_format="{desc} {percentage:3.0f}% |{bar:30}| {elapsed}, {remaining} left{postfix}",
            leave=False,
            disable=None,
        )

    def on_train_epoch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}")

    def on_train_batch_end(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.update()

    def teardown(self, *_: Any, **__: Any) -> None:
        if self._bar is not None:
            self._bar.close()


def make_trainer(
    *,
    device: torch.device,
    epochs: int,
    description: str,
    progress: bool,
    logger: Logger | None = None,
    callbacks: Sequence[Callback] = (),
) -> lightning.Trainer:
    """Return a Trainer for one device, with one progress bar at most."""
    bars: list[Callback] = [OneBar(description)] if progress else []
    return lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        max_epochs=epochs,
        logger=logger if logger is not None else False,
        callbacks=[*bars, *callbacks],
        enable_progress_bar=progress,
        enable_checkpointing=any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
    )
