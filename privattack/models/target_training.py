"""The training of a target, watched after every epoch: by our own loop or, on request, by Lightning's Trainer."""

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.strategies import FSDPStrategy, Strategy
from torch import nn

from privattack.data.images import LabelledImages
from privattack.data.modules import TargetDataModule
from privattack.errors import UserError
from privattack.models.checkpoints import Checkpoint, kept
from privattack.models.fitting import Training, bar
from privattack.models.lightning_modules import (
    CheckpointFiles,
    TargetModule,
    TrainerPrecision,
    make_trainer,
)
from privattack.models.own_program import in_own_program
from privattack.models.recipes import Recipe, Supervised

PREFIX = "network."  # of the network's weights among those of a TargetModule


def train_target(
    network: nn.Module,
    recipe: Recipe,
    members: LabelledImages,
    test: LabelledImages,
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path,
    progress: bool = False,
    logger: Logger | None = None,
) -> list[dict[str, float]]:
    """Train `network` in place and return a row per epoch (loss, accuracy, test accuracy).

    After every epoch all that the training needs to go on is kept in `checkpoint`; where that file is there already,
    the training goes on from it, and ends with the weights that it would have ended with.

    Raises:
        UserError: the weights are not finite after an epoch.
    """
    images, labels = test.pixels().to(device), test.labels.to(device)

    def watch(training: Training) -> None:
        row = training.history[-1]
        recipe.check(network, epoch=int(row["epoch"]))
        network.eval()
        with torch.inference_mode():
            named = torch.cat([network(part).argmax(dim=1) for part in images.split(500)])
        row["test_accuracy"] = (named == labels).double().mean().item()
        if logger is not None:
            tell_epoch(logger, row)

    return recipe.fit(
        [network],
        members,
        torch.arange(len(members)).unsqueeze(0),
        seeds=[seed],
        device=device,
        after_epoch=[watch, *bar("Training the target", recipe.epochs, progress)],
        checkpoint=Checkpoint(checkpoint),
    )


def tell_epoch(logger: Logger, row: dict[str, float]) -> None:
    """Tell a logger an epoch of a target's training."""
    logger.log_metrics(
        {f"target/{name}": value for name, value in row.items() if name != "epoch"}, step=int(row["epoch"])
    )


def train_by_lightning(
    network: nn.Module,
    recipe: Recipe,
    members: LabelledImages,
    test: LabelledImages,
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path,
    progress: bool = False,
    logger: Logger | None = None,
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[Callback] = (),
    devices: int = 1,
    strategy: Strategy | str = "auto",
    precision: TrainerPrecision = "32-true",
) -> list[dict[str, float]]:
    """Do what `train_target` does by Lightning's Trainer: to the same weights (of several devices, rounded), slower.

    Several devices train in a program of its own, so that `logger` is told when they are done, and `loggers` are not.

    Args:
        loggers: more of them.
        devices, strategy, precision: see `make_trainer`.

    Raises:
        UserError: the weights are not finite after an epoch, or Lightning knows no such recipe; or one of several
            processes that train was killed, or failed.
    """
    if type(recipe) is not Supervised:
        raise UserError(f"trainer.lightning=true: trains by the supervised recipe only, not {type(recipe).__name__}.")
    found = kept(checkpoint, network, weights="state_dict", prefix=PREFIX)
    told = [] if logger is None else [logger, *loggers]
    several = devices > 1
    # What is sent elsewhere takes all with it that it is a part of.
    watched = test.take(torch.arange(len(test))) if several else test
    fit = partial(
        _fit,
        TargetModule(network, recipe, seed=seed),
        TargetDataModule(members, watched, batch_size=recipe.batch_size, seed=seed),
        device=device,
        checkpoint=checkpoint,
        resume=found is not None,
        progress=progress,
        # Callbacks may want to tell a logger something.
        loggers=[DummyLogger()] if several else told,
        callbacks=callbacks,
        devices=devices,
        strategy=strategy,
        precision=precision,
    )
    if not several:
        return fit()
    if device.type == "cuda":
        torch.cuda.empty_cache()  # which another process cannot use
    result = in_own_program(fit, checkpoint.parent, setting=f"trainer.devices={devices}")
    trained = torch.load(io.BytesIO(result), map_location="cpu", weights_only=True)
    network.load_state_dict({name.removeprefix(PREFIX): one for name, one in trained["state_dict"].items()})
    if logger is not None:
        for row in trained["history"]:
            tell_epoch(logger, row)
    return trained["history"]


class Leave(Callback):
    """Leaves the weights of several devices in one file, once all is done."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_fit_end(self, trainer: Trainer, _: LightningModule) -> None:
        trainer.save_checkpoint(self.file, weights_only=True)


def _fit(
    module: TargetModule,
    data: TargetDataModule,
    result: Path | None = None,
    *,
    device: torch.device,
    checkpoint: Path,
    resume: bool,
    progress: bool,
    loggers: Sequence[Logger],
    callbacks: Sequence[Callback],
    devices: int,
    strategy: Strategy | str,
    precision: TrainerPrecision,
) -> list[dict[str, float]]:
    keep = ModelCheckpoint(
        checkpoint.parent, filename=checkpoint.stem, save_on_train_epoch_end=True, enable_version_counter=False
    )
    trainer = make_trainer(
        device,
        epochs=module.recipe.epochs,
        progress=progress,
        loggers=loggers,
        callbacks=[keep, *callbacks, *([] if result is None else [Leave(result)])],
        plugins=[CheckpointFiles()],
        devices=devices,
        strategy=strategy,
        precision=precision,
    )
    if isinstance(trainer.strategy, FSDPStrategy):
        # It brings back what an optimiser remembers in this order, whatever the weights' order is.
        module.network.to(memory_format=torch.contiguous_format)
    with torch.random.fork_rng(enabled=devices == 1):
        trainer.fit(module, data, ckpt_path=checkpoint if resume else None, weights_only=True)
    return module.history
