"""Target and surrogates as LightningModules: any `lightning.Trainer` can fit them, to the weights of our own loop."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import lightning
import torch
from jaxtyping import Float, Int64
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy, FSDPStrategy, Strategy
from torch import Tensor, nn

from privattack.errors import UserError, why
from privattack.models.checkpoints import keep
from privattack.models.recipes import Supervised
from privattack.randomness import derive

TrainerPrecision = Literal["32-true", "16-mixed", "bf16-mixed"]

if TYPE_CHECKING:
    from privattack.models.surrogate import Students


class TargetModule(lightning.LightningModule):
    """Trains a classifier by a recipe, on the mini-batches of a `TargetDataModule`.

    Args:
        network: maps pixels in [0, 1], `(n, c, h, w)`, to logits `(n, classes)`.
        seed: what dropout draws from, anew in every epoch.

    Attributes:
        history: a row per epoch: loss, accuracy, test accuracy.
    """

    def __init__(self, network: nn.Module, recipe: Supervised, *, seed: int) -> None:
        super().__init__()
        # Convolutions in channels-last save about 15 % of a CPU's time.
        self.network = network.to(memory_format=torch.channels_last)
        self.recipe = recipe
        self.seed = seed
        self.history: list[dict[str, float]] = []

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        return self.network(images)

    def configure_optimizers(self) -> Any:
        optimiser = self.recipe.optimised(self.network.parameters())
        return [optimiser], [self.recipe.scheduled(optimiser)]

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(derive(self.seed, "target.dropout", self.current_epoch))

    def training_step(self, batch: Sequence[Tensor], _: int) -> Tensor:
        images, labels = batch
        logits = self(images).float()
        loss = self.recipe.losses(logits.unsqueeze(0), labels.unsqueeze(0)).sum()
        told = {"target/loss": loss, "target/accuracy": _accuracy(logits, labels)}
        self.log_dict(told, on_step=False, on_epoch=True, batch_size=len(labels), sync_dist=True)
        return loss

    def validation_step(self, batch: Sequence[Tensor], _: int) -> None:
        images, labels = batch
        self.log("target/test_accuracy", _accuracy(self(images), labels), batch_size=len(labels), sync_dist=True)

    def on_train_epoch_end(self) -> None:
        self.recipe.check(self.network, epoch=self.current_epoch)
        told = {name.removeprefix("target/"): value.item() for name, value in self.trainer.callback_metrics.items()}
        self.history.append({"epoch": float(self.current_epoch), **told})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history = checkpoint["history"]


class SurrogateModule(lightning.LightningModule):
    """Trains surrogates side by side, on the mini-batches of a `QueryDataModule`."""

    def __init__(self, students: Students) -> None:
        super().__init__()
        self.students = students
        self._losses: list[Tensor] = []

    def forward(self, images: Float[Tensor, "e n c h w"]) -> Float[Tensor, "e n classes"]:
        return self.students(images)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.students.optimiser(self.students.parameters())

    def training_step(self, batch: Sequence[Tensor], _: int) -> Tensor:
        losses = self.students.losses(*batch)
        self._losses.append(losses.detach())
        self.log("surrogate/loss", losses.mean(), on_step=False, on_epoch=True)
        return losses.sum()

    def on_train_epoch_end(self) -> None:
        self.students.note(torch.stack(self._losses, dim=1))
        self._losses.clear()


def _accuracy(logits: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"]) -> Float[Tensor, ""]:
    return (logits.argmax(dim=1) == labels).float().mean()


class CheckpointFiles(TorchCheckpointIO):
    """Writes checkpoints as our own loop does: whole, with the address of their model."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        keep(Path(path), checkpoint)


def make_trainer(
    device: torch.device,
    *,
    epochs: int,
    progress: bool,
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[Callback] = (),
    plugins: Sequence[TorchCheckpointIO] = (),
    devices: int = 1,
    strategy: Strategy | str = "auto",
    precision: TrainerPrecision = "32-true",
) -> lightning.Trainer:
    """Return a Trainer, which draws no bar where the output is no terminal.

    Args:
        strategy: by which several devices of this machine train: `auto` is `ddp` for them. Those that start the program
            again need one that may be; see `own_program.py`.

    Raises:
        UserError: there are not so many devices, or they cannot train so.
    """
    several = devices > 1
    named = strategy if isinstance(strategy, str) else type(strategy).__name__
    try:
        trainer = lightning.Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=devices,
            strategy="ddp" if strategy == "auto" and several else strategy,
            precision=precision,
            use_distributed_sampler=False,
            max_epochs=epochs,
            logger=list(loggers) or False,
            callbacks=list(callbacks),
            # A cluster's manager may have started this process, and starts no others for it.
            plugins=[*plugins, *([LightningEnvironment()] if several else [])],
            enable_progress_bar=progress and sys.stderr.isatty(),
            enable_checkpointing=any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
    except (MisconfigurationException, ValueError, TypeError, ImportError) as error:
        raise UserError(
            f"trainer.devices={devices}: cannot train with trainer.strategy={named} here ({why(error)}); use others."
        ) from error
    if several and not _in_one_file(trainer.strategy):
        raise UserError(
            f"trainer.strategy={named}: does not have several devices leave one checkpoint of the whole network; use "
            "ddp, or fsdp with state_dict_type=full."
        )
    return trainer


def _in_one_file(strategy: Strategy) -> bool:
    """Say whether a strategy for several devices leaves a checkpoint of one file."""
    if isinstance(strategy, FSDPStrategy):
        return strategy._state_dict_type == "full"
    return isinstance(strategy, DDPStrategy) and not isinstance(strategy, DeepSpeedStrategy)
