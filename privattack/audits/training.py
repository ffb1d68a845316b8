"""What the settings of `target` and `shadow` say of how classifiers are built and trained."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, cast

import torch
from lightning.pytorch.strategies import Strategy
from omegaconf import DictConfig, OmegaConf
from torch import nn

from privattack.data.images import DataSet
from privattack.errors import SettingError, UserError, why
from privattack.make import check_network, make, named
from privattack.models.architecture import Architecture, asked_for
from privattack.models.devices import device_of
from privattack.models.engines.processes import cores
from privattack.models.lightning_modules import make_trainer
from privattack.models.recipes import Recipe, Supervised

Group = Literal["target", "shadow"]

# Settings of `trainer` that Lightning's Trainer alone takes, and what they are where nobody sets them.
LIGHTNINGS_OWN = {"callbacks": None, "devices": 1, "strategy": "auto", "precision": "32-true"}
RECIPE = ("network", "lr", "gamma", "epochs", "batch_size", "optimizer", "scheduler", "flips", "crop", "precision")


def architecture_of(config: DictConfig, group: Group, data: DataSet) -> Architecture:
    """Return the architecture that the settings name.

    Raises:
        UserError: there is no such network, or it cannot classify the data.
    """
    place = f"{group}.network"
    network = named(config, place)
    taken = {} if network is None else asked_for(network, data.shape, data.classes)
    build = partial(make, config, place, nn.Module, **taken)
    check_network(config, place, build, data.shape, data.classes)
    settings = OmegaConf.to_container(config[group].network, resolve=True)
    return Architecture(build, cast(dict[str, Any], settings), data.mean, data.std)


def lightnings_own(config: DictConfig) -> dict[str, Any]:
    """Return the settings that Lightning's Trainer alone takes, of those that somebody has set."""
    trainer: Any = OmegaConf.to_container(config.trainer, resolve=True)
    return {name: trainer[name] for name, usual in LIGHTNINGS_OWN.items() if trainer[name] not in (usual, {})}


def check_trainer(config: DictConfig) -> None:
    """Refuse settings of `trainer` by which a target cannot be trained here.

    Raises:
        UserError: there are some.
    """
    trainer, target = config.trainer, config.target
    if not trainer.lightning:
        return
    if target.precision != "float32":
        raise UserError(
            "trainer.lightning=true: Lightning has a precision of its own; leave out target.precision, and set "
            "trainer.precision."
        )
    if target.flips or target.crop:
        raise UserError(
            "trainer.lightning=true: Lightning trains on images as they are; leave out target.flips and target.crop."
        )
    if trainer.levers:
        raise UserError("trainer.lightning=true: Lightning's Trainer has no levers; leave out trainer.levers.")
    device = device_of(trainer.accelerator)
    most = torch.cuda.device_count() if device.type == "cuda" else cores()
    if trainer.devices > most:
        raise UserError(f"trainer.devices={trainer.devices}: there are {most} here; use no more.")
    if trainer.devices == 1 and trainer.strategy != "auto":
        raise UserError("trainer.strategy: is for several devices; set trainer.devices.")
    if trainer.precision == "16-mixed" and device.type != "cuda":
        raise UserError("trainer.precision=16-mixed: is for GPUs; use bf16-mixed.")
    strategy, interactive = strategy_of(config), hasattr(sys, "ps1")
    if not interactive:  # where Lightning lets nothing start programs, and several devices train in one of their own
        make_trainer(
            device, epochs=1, progress=False, devices=trainer.devices, strategy=strategy, precision=trainer.precision
        )


def strategy_of(config: DictConfig) -> Strategy | str:
    """Return by which of Lightning's strategies several devices train: a name, or what a `_target_` makes.

    Raises:
        UserError: it makes no strategy.
    """
    strategy = config.trainer.strategy
    return strategy if isinstance(strategy, str) else make(config, "trainer.strategy", Strategy)


def recipe_of(config: DictConfig, group: Group, training: Callable[..., Supervised] = Supervised) -> Recipe:
    """Return how the settings say that a classifier is trained.

    Args:
        training: makes the recipe, a defence's own, which settles before the group what it wants to.

    Raises:
        UserError: there is no such optimiser or scheduler, or it cannot train here; or the defence cannot be trained.
    """
    settings, lightnings = config[group], lightnings_own(config)
    if lightnings and not config.trainer.lightning:
        raise UserError(
            f"trainer.{next(iter(lightnings))}: is for Lightning's Trainer only; set trainer.lightning=true."
        )
    made = {
        name: make(config, f"{group}.{name}", partial, _partial_=True)
        for name in ("optimizer", "scheduler")
        if settings[name] is not None
    }
    for name, own in (("optimizer", "lr"), ("scheduler", "gamma")):
        if name in made and own in made[name].keywords:
            raise UserError(f"{group}.{name}.{own}: is said by {group}.{own}; set that.")
    said: dict[str, Any] = {
        "lr": float(settings.lr),
        "gamma": float(settings.gamma),
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        # Hydra's own kind of partial would have each process that trains import Hydra.
        **{name: partial(one.func, **one.keywords) for name, one in made.items()},
        "flips": settings.flips,
        "crop": settings.crop,
        "precision": settings.precision,
        "levers": tuple(
            sorted({*config.trainer.levers} - ({"compile"} if "graphs" in config.trainer.levers else set()))
        ),
    }
    try:
        recipe = training(**said | getattr(training, "keywords", {}))
    except SettingError as error:
        raise error.under("defence.training") from error
    except TypeError as error:
        raise UserError(
            f"defence.training: does not take these settings ({why(error)}); use those it takes."
        ) from error
    _try_out(recipe, settings, group)
    return recipe


def _try_out(recipe: Supervised, settings: DictConfig, group: Group) -> None:
    """Let the recipe take a step with one weight."""
    weight, name = nn.Parameter(torch.zeros(2, 2)), "optimizer"
    weight.grad = torch.zeros(2, 2)
    try:
        optimiser = recipe.optimised([weight])
        optimiser.step()
        name = "scheduler"
        scheduler = recipe.scheduled(optimiser)
        optimiser.step()
        scheduler.step()
    except Exception as error:  # whatever the user's class raises
        place = f"defence.training.{name if getattr(recipe, name) else 'lr'}"  # for what the group does not name
        if settings[name] is not None:
            place = f"{group}.{name}._target_={settings[name]._target_}"
        raise UserError(
            f"{place}: cannot train ({why(error)}); use one of "
            "torch.optim that steps without a closure or a metric, with settings that it takes."
        ) from error


def brought_by_user(config: DictConfig) -> str | None:
    """Return what is attacked, as the command line has it, where this run does not train it; else None."""
    victim, checkpoint = OmegaConf.select(config, "victim"), config.target.checkpoint
    if victim is not None:
        return f"victim.url={victim.get('url')}"
    return None if checkpoint is None else f"target.checkpoint={checkpoint}"


def check_recipe(config: DictConfig) -> None:
    """Refuse shadow models of another recipe than the target's, unless they are asked for.

    Raises:
        UserError: they differ in a setting, or nobody knows the target's recipe.
    """
    if config.shadow.other_recipe:
        return
    if config.targets is None and (brought := brought_by_user(config)):
        raise UserError(
            f"{brought}: nobody says by which recipe it was trained; give the nearest that you know as shadow.epochs "
            "and the like, and set shadow.other_recipe=true."
        )
    for name in RECIPE:
        if config.shadow[name] != config.target[name]:
            raise UserError(
                f"shadow.{name}={config.shadow[name]}: the target is trained with target.{name}={config.target[name]}, "
                "and models of another recipe behave otherwise; leave it out, or set shadow.other_recipe=true."
            )
