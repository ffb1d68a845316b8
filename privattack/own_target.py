"""The target that the settings describe: what it is made of, and itself once it is trained or loaded."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig

from privattack.audits.training import (
    architecture_of,
    brought_by_user,
    check_trainer,
    lightnings_own,
    recipe_of,
    strategy_of,
)
from privattack.data.canaries import Canaries
from privattack.data.images import DataSet
from privattack.data.members import named_members
from privattack.data.splits import TrainingSplit, split_training
from privattack.defences.base import Defence
from privattack.errors import UserError
from privattack.make import make
from privattack.models.architecture import Architecture
from privattack.models.dry_run import IMAGES, Output, dry_run
from privattack.models.own_weights import load_checkpoint
from privattack.models.recipes import Recipe, Train
from privattack.models.store import ModelStore
from privattack.models.targets import TrainedTarget, beside, obtain_target

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TargetParts:
    """What a target is made of. Nothing of it is trained yet.

    Attributes:
        split: None where nobody says which images the user's own weights were trained on.
        output: what its network answers.
    """

    config: DictConfig
    data: DataSet
    split: TrainingSplit | None
    architecture: Architecture
    recipe: Recipe
    output: Output

    def obtain(
        self, *, store: ModelStore, device: torch.device, logger: Logger | None = None, loggers: Sequence[Logger] = ()
    ) -> TrainedTarget:
        """Return the target, trained only if nobody has trained it yet; see `obtain_target`.

        Args:
            loggers: what Lightning's Trainer tells of a training, beside `logger`.
        """
        target, trainer = self.config.target, self.config.trainer
        told = lightnings_own(self.config)
        return obtain_target(
            self.architecture,
            self.recipe,
            self.data,
            None if self.split is None else self.split.learnt,
            seed=target.seed,
            store=store,
            device=device,
            checkpoint=target.checkpoint,
            output=self.output,
            progress=trainer.progress,
            logger=logger,
            lightning=trainer.lightning,
            trainer={
                "devices": trainer.devices,
                "strategy": strategy_of(self.config),
                "precision": trainer.precision,
                "callbacks": [
                    make(self.config, f"trainer.callbacks.{name}", Callback) for name in trainer.callbacks or ()
                ],
                "loggers": loggers,
            },
            told=told,
        )

    def beside(self, *, store: ModelStore, device: torch.device) -> Train | None:
        """Return what trains a second model as this one is trained; None where the user brought this one."""
        if self.split is None or self.config.target.checkpoint is not None:
            return None
        seed, learnt = self.config.target.seed, self.split.learnt
        return beside(self.architecture, self.recipe, self.data, learnt, seed=seed, store=store, device=device)


def target_parts(config: DictConfig, data: DataSet, split: TrainingSplit | None, defence: Defence) -> TargetParts:
    """Return what the settings, and a defence that acts in the training, say that a target is made of.

    Raises:
        UserError: they cannot work.
    """
    check_trainer(config)
    architecture = architecture_of(config, "target", data)
    output = _output(config, architecture, data)
    recipe = recipe_of(config, "target", defence.training)
    if split is not None and config.target.checkpoint is None:
        recipe.privacy(len(split.learnt))
    return TargetParts(config, data, split, architecture, recipe, output)


def data_of(config: DictConfig) -> DataSet:
    """Return the data, with the canaries that the settings name.

    Raises:
        UserError: a file of it is missing or damaged, or a setting cannot work.
    """
    return make(config, "canaries", Canaries).inserted(make(config, "data", DataSet), seed=config.target.seed)


def split_of(config: DictConfig, data: DataSet) -> TrainingSplit | None:
    """Return who is trained on and who is held out; None where nobody says who was.

    Raises:
        UserError: the settings name images that are not there.
    """
    target = config.target
    if data.canaries and (brought := brought_by_user(config) or target.members):
        raise UserError(
            f"canaries: are learnt by a target whose members this run chooses, and {brought} says which those are; "
            "leave one of them out."
        )
    if target.members is not None:
        return named_members(target.members, data.train)
    if brought_by_user(config):
        return None
    return split_training(
        len(data.train) - data.canaries, train_size=target.train_size, seed=target.seed, canaries=data.canaries
    )


def _output(config: DictConfig, architecture: Architecture, data: DataSet) -> Output:
    """Let the target answer a few images before anything is trained, and say what its answers are."""
    network, checkpoint = architecture.untrained(config.target.seed), config.target.checkpoint
    setting = f"target.network._target_={config.target.network._target_}"
    if checkpoint is not None:
        setting = f"target.checkpoint={checkpoint}"
        load_checkpoint(network.network, Path(checkpoint))
    few = data.train.take(torch.arange(min(IMAGES, len(data.train)))).pixels()
    output, _ = dry_run(network.eval(), few, classes=data.classes, setting=setting)
    if checkpoint is not None:
        log.info("%s: the network answers %s.", setting, output)
    elif output is Output.PROBABILITIES:
        log.warning("%s: answers probabilities, and the training takes logits; leave out the softmax.", setting)
    return Output.LOGITS if checkpoint is None else output
