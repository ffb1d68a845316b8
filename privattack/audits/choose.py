"""Which audit an attack belongs to, and what of the settings that audit needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from omegaconf import DictConfig, OmegaConf

from privattack.attacks.chain import ExtractThenInfer
from privattack.attacks.extraction.base import ExtractionAttack
from privattack.attacks.extraction.learning.base import Learning
from privattack.attacks.membership.base import MembershipAttack
from privattack.attacks.membership.shadow import ShadowAttack
from privattack.audits.base import Audit
from privattack.audits.canaries import PrivacyAudit
from privattack.audits.chain import ChainAudit
from privattack.audits.extraction import ExtractionAudit
from privattack.audits.membership import MembershipAudit
from privattack.audits.shadow import ShadowAudit
from privattack.audits.training import architecture_of, brought_by_user, check_recipe, recipe_of
from privattack.audits.transfer import Transfer
from privattack.data.apart import check_apart
from privattack.data.image_sources import Group, Holdout, ImageSource
from privattack.data.images import DataSet, LabelledImages
from privattack.data.query_pool import QueryPool
from privattack.data.shadow_pool import make_shadow_pool
from privattack.data.splits import TrainingSplit
from privattack.defences.base import Defence
from privattack.errors import SettingError, UserError
from privattack.make import check_network, make
from privattack.models.architecture import Architecture, asked_for
from privattack.models.engines.base import Engine
from privattack.models.recipes import Recipe
from privattack.models.shadow_bank import BankOrder, BankSettings
from privattack.models.store import ModelStore
from privattack.models.surrogate import SurrogateTrainer

NOTHING: Mapping[Group, ImageSource] = {}
NOBODY = torch.empty(0, dtype=torch.int64)


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
    if data.canaries and not isinstance(attack, ShadowAttack):
        raise UserError(
            f"canaries={config.canaries._target_}: are judged by attack=dp_audit, and by attacks with shadow models; "
            "choose one of those, such as attack=lira, or canaries=none."
        )
    chooser = _Chooser(config, data, split, defence, store, device, seeds, given, shadow)
    match attack:
        case ExtractionAttack():
            return chooser.extraction(attack)
        case ExtractThenInfer():
            return chooser.chain(attack)
        case MembershipAttack():
            return chooser.membership(attack)
        case ShadowAttack():
            return chooser.shadow_models(attack)
    raise UserError(
        f"attack={config.attack._target_}: needs a subclass of ExtractionAttack, MembershipAttack or ShadowAttack."
    )


@dataclass(frozen=True)
class _Chooser:
    """Makes of the settings what each kind of audit needs."""

    config: DictConfig
    data: DataSet
    split: TrainingSplit | None
    defence: Defence
    store: ModelStore
    device: torch.device
    seeds: Sequence[int]
    given: Mapping[Group, ImageSource]
    shadow: Architecture | None

    def extraction(self, attack: ExtractionAttack) -> ExtractionAudit:
        pool, surrogates = self._queries()
        budgets, transfer = budgets_of(self.config), _transfer(self.config)
        learning = make(self.config, "learning", Learning)
        return ExtractionAudit(
            attack, self.data, pool, surrogates, transfer, learning, budgets=budgets, seeds=self.seeds
        )

    def chain(self, attack: ExtractThenInfer) -> ChainAudit:
        (pool, surrogates), budget = self._queries(), self._one_budget()
        candidates = self._members(), self._nonmembers()[0]
        return ChainAudit(attack, self.data, pool, surrogates, *candidates, budget=budget, seeds=self.seeds)

    def membership(self, attack: MembershipAttack) -> MembershipAudit:
        budget, (nonmembers, _) = self._one_budget(), self._nonmembers()
        return MembershipAudit(attack, self._members(), nonmembers, budget=budget, seeds=self.seeds)

    def shadow_models(self, attack: ShadowAttack) -> ShadowAudit:
        config, data = self.config, self.data
        if config.targets is not None and (brought := brought_by_user(config)):
            raise UserError(
                f"targets={config.targets}: attacks shadow models in the target's place, so that {brought} would not "
                "be looked at; leave one of them out."
            )
        budget, (nonmembers, choice) = self._one_budget(), self._nonmembers()
        if self.shadow is None:
            check_recipe(config)
        architecture = self.shadow or architecture_of(config, "shadow", data)
        seed = config.target.seed
        most = len(data.train) // 2 if isinstance(choice, Holdout) else len(nonmembers)
        # Canaries are enough for an audit without shadow models.
        smaller = config.shadow.other_recipe or (data.canaries > 0 and not attack.least_shadows)
        pool = make_shadow_pool(self._members(), nonmembers, most=most, seed=seed, may_be_smaller=smaller)
        if self.split is not None:
            pool = pool.beside(*(data.train.take(part) for part in (self.split.canaries, self.split.spared)))
        settings = BankSettings(
            config.shadow.count, recipe_of(config, "shadow", self.defence.training), seed, self._engine()
        )
        return ShadowAudit(
            attack,
            data,
            pool,
            BankOrder(
                architecture,
                data,
                pool.images,
                settings,
                store=self.store,
                device=self.device,
                canaries=pool.canaries,
                progress=config.trainer.progress,
            ),
            self.defence,
            self._judge_of_canaries(settings.recipe),
            shadows=config.shadow.count,
            targets=config.targets,
            budget=budget,
            seeds=self.seeds,
        )

    def _judge_of_canaries(self, recipe: Recipe) -> PrivacyAudit:
        settings = {name: value for name, value in self.config.privacy_audit.items() if value is not None}
        proved = getattr(recipe, "delta", None)
        if proved is not None and settings.setdefault("delta", proved) != proved:
            raise UserError(
                f"privacy_audit.delta={settings['delta']:g}: the training proves its epsilon at "
                f"defence.training.delta={proved:g}, and epsilons at different deltas cannot be compared; leave "
                "privacy_audit.delta out."
            )
        return PrivacyAudit(**settings)

    def _members(self) -> LabelledImages:
        return self.data.train.take(NOBODY if self.split is None else self.split.members)

    def _images(self, group: Group) -> tuple[LabelledImages, bool, ImageSource]:
        source = self.given.get(group) or _source(self.config, group)
        held_out = self.data.train.take(NOBODY if self.split is None else self.split.held_out)
        images, has_labels = source.images(group, held_out=held_out, test=self.data.test, classes=self.data.classes)
        return images, has_labels, source

    def _queries(self) -> tuple[QueryPool, SurrogateTrainer]:
        data = self.data
        owned, has_labels, _ = self._images("pool")
        surrogates = make(self.config, "surrogate", SurrogateTrainer, mean=data.mean, std=data.std)
        taken = asked_for(surrogates.network, data.shape, data.classes)
        build = partial(surrogates.network, **taken)
        check_network(self.config, "surrogate.network", build, data.shape, data.classes)
        return QueryPool(owned, data.classes, has_labels), surrogates

    def _nonmembers(self) -> tuple[LabelledImages, ImageSource]:
        if self.split is None and self.config.targets is None:
            raise UserError(
                f"{brought_by_user(self.config)}: nobody says which images it was trained on, and membership "
                "inference is judged by that; name them by target.members=, or extract the model, as by attack=mea."
            )
        images, _, source = self._images("nonmembers")
        if self.split is not None:
            members = self.data.train.take(self.split.members)
            check_apart("nonmembers", images, members, so="are members, too, so that nothing tells them apart")
        return images, source

    def _engine(self) -> Engine:
        engine, known = self.config.shadow.engine, self.config.shadow.engines
        if engine not in known:
            raise SettingError({"shadow.engine": engine}, f"needs one of {', '.join(known)}")
        return make(self.config, f"shadow.engines.{engine}", Engine)

    def _one_budget(self) -> int:
        budgets = budgets_of(self.config)
        if len(budgets) > 1:
            raise UserError(f"budget={budgets}: a curve over budgets is model extraction's; use -m budget=.")
        return budgets[0]


def budgets_of(config: DictConfig) -> list[int]:
    """Return at which budgets an attack is judged: ascending, the last one the services' budget."""
    return sorted(set(config.budget)) if OmegaConf.is_list(config.budget) else [config.budget]


def _source(config: DictConfig, group: Group) -> ImageSource:
    """Return where the query pool, or the non-members, come from."""
    source = make(config, group, ImageSource)
    brought = brought_by_user(config)
    if brought and config.target.members is None and isinstance(source, Holdout):
        raise UserError(
            f"{group}=holdout: nobody says which images {brought} was not trained on; name those that it was trained "
            f"on by target.members=, or choose {group}=test."
        )
    return source


def _transfer(config: DictConfig) -> Transfer | None:
    """Return how adversarial examples are made; None where they are not asked for."""
    if config.transfer.epsilon is None:
        return None
    return Transfer(epsilon=float(config.transfer.epsilon), images=config.transfer.images)
