"""The training of a target, watched after every epoch: by our own loop or, on request, by Lightning's Trainer."""

from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import Logger
from torch import nn

from privattack.data.images import LabelledImages
from privattack.data.modules import TargetDataModule
from privattack.errors import UserError
from privattack.models.checkpoints import Checkpoint, kept
from privattack.models.fitting import Training, bar
from privattack.models.lightning_modules import (
    CheckpointFiles,
    Strategy,
    TargetModule,
    TrainerPrecision,
    make_trainer,
)
from privattack.models.recipes import Recipe, Supervised


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
            told = {f"target/{name}": value for name, value in row.items() if name != "epoch"}
            logger.log_metrics(told, step=int(row["epoch"]))

    return recipe.fit(
        [network],
        members,
        torch.arange(len(members)).unsqueeze(0),
        seeds=[seed],
        device=device,
        after_epoch=[watch, *bar("Training the target", recipe.epochs, progress)],
        checkpoint=Checkpoint(checkpoint),
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
    strategy: Strategy = "auto",
    precision: TrainerPrecision = "32-true",
) -> list[dict[str, float]]:
    """Do what `train_target` does by Lightning's Trainer: to the same weights (of several devices, rounded), slower.

    Args:
        loggers: more of them.
        devices, strategy, precision: see `make_trainer`.

    Raises:
        UserError: the weights are not finite after an epoch, or Lightning knows no such recipe.
    """
    if type(recipe) is not Supervised:
        raise UserError(f"trainer.lightning=true: trains by the supervised recipe only, not {type(recipe).__name__}.")
    module = TargetModule(network, recipe, seed=seed)
    keep = ModelCheckpoint(
        checkpoint.parent, filename=checkpoint.stem, save_on_train_epoch_end=True, enable_version_counter=False
    )
    trainer = make_trainer(
        device,
        epochs=recipe.epochs,
        progress=progress,
        loggers=[*loggers] if logger is None else [logger, *loggers],
        callbacks=[keep, *callbacks],
        plugins=[CheckpointFiles()],
        devices=devices,
        strategy=strategy,
        precision=precision,
    )
    found = kept(checkpoint, network, weights="state_dict", prefix="network.")
    with torch.random.fork_rng():
        trainer.fit(
            module,
            TargetDataModule(members, test, batch_size=recipe.batch_size, seed=seed),
            ckpt_path=None if found is None else checkpoint,
            weights_only=True,
        )
    if devices > 1 or strategy != "auto":  # other processes have trained, whose weights are here, and no more
        told = torch.load(checkpoint, map_location="cpu", weights_only=True)["history"]
        recipe.check(network, epoch=len(told) - 1)
        return told
    return module.history
