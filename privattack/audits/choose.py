"""Which audit an attack belongs to, and what of the settings that audit needs."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, cast

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from privattack.attacks.chain import ExtractThenInfer
from privattack.attacks.extraction.base import ExtractionAttack
from privattack.attacks.membership.base import MembershipAttack
from privattack.attacks.membership.shadow import ShadowAttack
from privattack.audits.base import Audit
from privattack.audits.chain import ChainAudit
from privattack.audits.extraction import ExtractionAudit
from privattack.audits.membership import MembershipAudit
from privattack.audits.shadow import ShadowAudit
from privattack.audits.transfer import Transfer
from privattack.data.image_sources import Group, Holdout, ImageSource
from privattack.data.images import DataSet
from privattack.data.query_pool import QueryPool
from privattack.data.shadow_pool import make_shadow_pool
from privattack.data.splits import TrainingSplit
from privattack.defences.base import Defence
from privattack.errors import UserError
from privattack.make import check_network, make, named
from privattack.models.architecture import Architecture, asked_for
from privattack.models.recipes import Recipe, Supervised
from privattack.models.shadow_bank import BankSettings, obtain_bank
from privattack.models.store import ModelStore
from privattack.models.surrogate import SurrogateTrainer

NOTHING: Mapping[Group, ImageSource] = {}


def choose_audit(
    attack: object,
    config: DictConfig,
    data: DataSet,
    split: TrainingSplit | None,
    defence: Defence,
    *,
    store: ModelStore,
    device: torch.device,
    seeds: Sequence[int],
    given: Mapping[Group, ImageSource] = NOTHING,
    shadow: Architecture | None = None,
) -> Audit:
    """Return how an attack runs with these settings.

    Args:
        split: None where nobody knows which images the target was trained on.
        given: where images come from that the settings do not say.
        shadow: the shadow models' architecture, where the settings do not say it.

    Raises:
        UserError: it cannot.
    """
    if config.targets is not None and not isinstance(attack, ShadowAttack):
        raise UserError(f"targets={config.targets}: needs an attack with shadow models, such as attack=lira.")
    nobody = torch.empty(0, dtype=torch.int64)
    members = data.train.take(nobody if split is None else split.members)
    held_out = data.train.take(nobody if split is None else split.held_out)
    if isinstance(attack, ExtractionAttack | ExtractThenInfer):
        source = given.get("pool") or _source(config, "pool")
        owned, has_labels = source.images("pool", held_out=held_out, test=data.test, classes=data.classes)
        queries = QueryPool(owned, data.classes, has_labels)
        surrogates = make(config, "surrogate", SurrogateTrainer, mean=data.mean, std=data.std)
        taken = asked_for(surrogates.network, data.shape, data.classes)
        check_network(config, "surrogate.network", partial(surrogates.network, **taken), data.shape, data.classes)
    if isinstance(attack, ExtractionAttack):
        return ExtractionAudit(
            attack, data, queries, surrogates, _transfer(config), budgets=budgets_of(config), seeds=seeds
        )
    if config.targets is not None and config.target.checkpoint is not None:
        raise UserError(
            f"targets={config.targets}: attacks shadow models in the target's place, so that "
            f"target.checkpoint={config.target.checkpoint} would not be looked at; leave one of them out."
        )
    budgets = budgets_of(config)
    if len(budgets) > 1:
        raise UserError(f"budget={budgets}: a curve over budgets is model extraction's; use -m budget=.")
    budget = budgets[0]
    if not isinstance(attack, MembershipAttack | ShadowAttack | ExtractThenInfer):
        raise UserError(
            f"attack={config.attack._target_}: needs a subclass of ExtractionAttack, MembershipAttack or ShadowAttack."
        )
    if split is None and config.targets is None:
        raise UserError(
            f"target.checkpoint={config.target.checkpoint}: nobody says which images it was trained on, and membership "
            "inference is judged by that; name them by target.members=, or extract the model, as by attack=mea."
        )
    choice = given.get("nonmembers") or _source(config, "nonmembers")
    nonmembers, _ = choice.images("nonmembers", held_out=held_out, test=data.test, classes=data.classes)
    if isinstance(attack, ExtractThenInfer):
        return ChainAudit(attack, data, queries, surrogates, members, nonmembers, budget=budget, seeds=seeds)
    if isinstance(attack, MembershipAttack):
        return MembershipAudit(attack, members, nonmembers, budget=budget, seeds=seeds)
    if shadow is None:
        _check_recipe(config)
    architecture = shadow or architecture_of(config, "shadow", data)
    seed = config.target.seed
    most = len(data.train) // 2 if isinstance(choice, Holdout) else len(nonmembers)
    pool = make_shadow_pool(members, nonmembers, most=most, seed=seed, may_be_smaller=config.shadow.other_recipe)
    settings = BankSettings(config.shadow.count, recipe_of(config.shadow), seed, config.shadow.processes)
    return ShadowAudit(
        attack,
        data,
        pool,
        lambda: obtain_bank(
            architecture,
            data,
            pool.images,
            settings,
            store=store,
            device=device,
            progress=config.trainer.progress,
        ),
        defence,
        shadows=config.shadow.count,
        targets=config.targets,
        budget=budget,
        seeds=seeds,
    )


def _source(config: DictConfig, group: Group) -> ImageSource:
    """Return where the query pool, or the non-members, come from."""
    source = make(config, group, ImageSource)
    unknown = config.target.checkpoint is not None and config.target.members is None
    if unknown and isinstance(source, Holdout):
        raise UserError(
            f"{group}=holdout: nobody says which images target.checkpoint={config.target.checkpoint} was not trained "
            f"on; name those that it was trained on by target.members=, or choose {group}=test."
        )
    return source


def _transfer(config: DictConfig) -> Transfer | None:
    """Return how adversarial examples are made; None where they are not asked for."""
    if config.transfer.epsilon is None:
        return None
    return Transfer(epsilon=config.transfer.epsilon, images=config.transfer.images)


def budgets_of(config: DictConfig) -> list[int]:
    """Return at which budgets an attack is judged: ascending, the last one the services' budget."""
    return sorted(set(config.budget)) if OmegaConf.is_list(config.budget) else [config.budget]


RECIPE = ("network", "lr", "gamma", "epochs", "batch_size")


def recipe_of(settings: DictConfig) -> Recipe:
    """Return how the settings of `target` or `shadow` say that a classifier is trained."""
    return Supervised(
        lr=float(settings.lr), gamma=float(settings.gamma), epochs=settings.epochs, batch_size=settings.batch_size
    )


def architecture_of(config: DictConfig, group: Literal["target", "shadow"], data: DataSet) -> Architecture:
    """Return the architecture that the settings of `target` or `shadow` name."""
    place = f"{group}.network"
    network = named(config, place)
    taken = {} if network is None else asked_for(network, data.shape, data.classes)
    build = partial(make, config, place, nn.Module, **taken)
    check_network(config, place, build, data.shape, data.classes)
    settings = OmegaConf.to_container(config[group].network, resolve=True)
    return Architecture(build, cast(dict[str, Any], settings), data.mean, data.std)


def _check_recipe(config: DictConfig) -> None:
    """Refuse shadow models of another recipe than the target's, unless they are asked for."""
    if config.shadow.other_recipe:
        return
    if config.target.checkpoint is not None and config.targets is None:
        raise UserError(
            f"target.checkpoint={config.target.checkpoint}: nobody says by which recipe it was trained; give the "
            "nearest that you know as shadow.epochs and the like, and set shadow.other_recipe=true."
        )
    for name in RECIPE:
        if config.shadow[name] != config.target[name]:
            raise UserError(
                f"shadow.{name}={config.shadow[name]}: the target is trained with target.{name}={config.target[name]}, "
                "and models of another recipe behave otherwise; leave it out, or set shadow.other_recipe=true."
            )
