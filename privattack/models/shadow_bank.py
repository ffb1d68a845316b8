"""The shadow bank: models that an attacker trains as the target was trained, each on half of a pool."""

import hashlib
import logging
import time
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm import tqdm

from privattack.data.images import DataSet, LabelledImages
from privattack.data.splits import halves_and_coins
from privattack.errors import UserError
from privattack.models.architecture import Architecture
from privattack.models.engines.base import Engine
from privattack.models.engines.processes import Processes
from privattack.models.recipes import Recipe, Train
from privattack.models.remembered import RememberedTarget
from privattack.models.shadow_training import Task, Workshop, train_these
from privattack.models.store import ModelStore, StoredModel, fingerprint
from privattack.models.target import Target
from privattack.models.targets import TrainedTarget, beside
from privattack.randomness import derive

log = logging.getLogger(__name__)


class ShadowBank:
    """Shadow models, and what they answer about the pool and about the data set's test part.

    The answers lie in the store and are mapped into memory, model by model.

    Attributes:
        pool: the images of which each model learnt a half.
        membership: which of them each model learnt.
        fingerprints: the models' addresses in the store.
        trained: how many were trained in this run.
        recipe: by which each was trained.

    Args:
        canaries: how many of the images, the last of the pool, are canaries.
    """

    def __init__(
        self,
        architecture: Architecture,
        pool: LabelledImages,
        membership: Bool[Tensor, "models n"],
        stored: list[StoredModel],
        *,
        fingerprints: list[str],
        trained: int,
        recipe: Recipe,
        store: ModelStore,
        device: torch.device,
        canaries: int = 0,
    ) -> None:
        self.pool = pool
        self.membership = membership
        self.fingerprints = fingerprints
        self.trained = trained
        self.recipe = recipe
        self._architecture = architecture
        self._store = store
        self._stored = stored
        self._device = device
        self._natural = len(pool) - canaries
        self._last: tuple[int, Target] | None = None

    def __len__(self) -> int:
        return len(self._stored)

    def stand_ins(self, count: int) -> list[int]:
        """Return the numbers of models that play the target: of each pair the first, as the second depends on it."""
        return list(range(0, 2 * count, 2))

    def in_the_targets_place(self, number: int, data: DataSet) -> TrainedTarget:
        """Return a model as a target that answers the pool and the test part of `data` from memory."""
        model = RememberedTarget(self.model(number))
        model.remember(self.pool, self.on_pool(number))
        return TrainedTarget(
            model=model,
            fingerprint=self.fingerprints[number],
            trained=False,
            history=[],
            member_hits=self.member_hits(number),
            test_log_probabilities=model.remember(data.test, self.on_test(number)),
            seconds=0.0,
            privacy=self.recipe.privacy(int(self.membership[number].sum())),
        )

    def member_hits(self, number: int) -> Bool[Tensor, " m"]:
        """Return which images that a model learnt it names rightly, but for canaries, whose labels may be wrong."""
        own = slice(self._natural)
        hits = self.on_pool(number)[own].argmax(dim=1) == self.pool.labels[own]
        return hits[self.membership[number, own]]

    def beside(self, number: int, data: DataSet) -> Train:
        """Return what trains a second model as one was trained, on the half that it learnt."""
        learnt = DataSet.of(data.name, data.classes, self.pool, data.test, mean=data.mean, std=data.std)
        members, seed = self.membership[number].nonzero().flatten(), derive(number, self.fingerprints[number])
        return beside(
            self._architecture, self.recipe, learnt, members, seed=seed, store=self._store, device=self._device
        )

    def on_pool(self, number: int) -> Float[Tensor, "n classes"]:
        """Return a model's log-probabilities for the pool, mapped into memory."""
        return self._stored[number].outputs["pool"]

    def on_test(self, number: int) -> Float[Tensor, "t classes"]:
        """Return a model's log-probabilities for the test part, mapped into memory."""
        return self._stored[number].outputs["test"]

    def model(self, number: int) -> Target:
        """Return a model that answers any images; only the last one asked for is kept in memory."""
        if self._last is None or self._last[0] != number:
            network = self._architecture.build()
            network.network.load_state_dict(dict(self._stored[number].weights))
            self._last = (number, Target(network, device=self._device))
        return self._last[1]


@dataclass(frozen=True)
class BankSettings:
    """How large a bank is and how it is trained.

    Attributes:
        count: how many models, an even number.
        recipe: how each is trained.
        seed: decides who learns what, initial weights, batch orders and dropout.
        engine: where they are trained.
    """

    count: int
    recipe: Recipe
    seed: int
    engine: Engine = field(default_factory=Processes)


@dataclass(frozen=True)
class BankOrder:
    """A bank of shadow models that is wanted, of which nothing need be there yet.

    Attributes:
        architecture: of each network.
        data: the data set that the target is trained on; its test part is asked about, too.
        pool: the images of which each model learns a half; an even number of them beside the canaries.
        canaries: how many of them, the last, each model learns where a coin says so.
    """

    architecture: Architecture
    data: DataSet
    pool: LabelledImages
    settings: BankSettings
    store: ModelStore
    device: torch.device
    canaries: int = 0
    progress: bool = False

    @cached_property
    def halves(self) -> Bool[Tensor, "models n"]:
        """Which images of the pool each model learns."""
        halved, settings = len(self.pool) - self.canaries, self.settings
        return halves_and_coins(halved, self.canaries, models=settings.count, seed=settings.seed)

    @cached_property
    def tasks(self) -> list[Task]:
        """What is to be trained for each model."""
        parts = self.architecture, self.data, self.pool
        return [_task(number, *parts, half, self.settings) for number, half in enumerate(self.halves)]

    def obtain(self) -> ShadowBank:
        """Return the bank, of which only those models are trained that nobody has trained yet.

        Raises:
            UserError: a training fails, or the store cannot be written, here or where it is trained.
        """
        workshop = Workshop(self.pool, self.data.test, self.settings.recipe, self.store.absolute())
        stored: dict[int, StoredModel] = {}
        trained, before = 0, -1
        while True:  # once more where a model went meanwhile, as by `prune`
            missing = [task for task in self.tasks if task.number not in stored]
            stored |= {task.number: model for task in missing if (model := self.store.find(task.address)) is not None}
            missing = [task for task in missing if task.number not in stored]
            if not missing:
                break
            if len(missing) == before:
                raise UserError(
                    f"store={self.store}: {before} shadow models were trained and are not found there; let those who "
                    "train them write there, and the same command goes on."
                )
            before = len(missing)
            trained += _train(missing, workshop, self.settings, self.device, self.progress)
        return ShadowBank(
            self.architecture,
            self.pool,
            self.halves,
            [stored[task.number] for task in self.tasks],
            fingerprints=[fingerprint(task.address) for task in self.tasks],
            trained=trained,
            recipe=self.settings.recipe,
            store=self.store,
            device=self.device,
            canaries=self.canaries,
        )


def _task(
    number: int,
    architecture: Architecture,
    data: DataSet,
    pool: LabelledImages,
    half: Bool[Tensor, " n"],
    settings: BankSettings,
) -> Task:
    seed = derive(settings.seed, "shadow", number)
    network = architecture.untrained(seed)
    asked = hashlib.sha256(b"".join(pool.digests) + pool.labels.numpy().tobytes())
    address = {
        "data": [data.name, data.checksum, data.classes],
        "pool": asked.hexdigest(),
        "members": hashlib.sha256(half.numpy().tobytes()).hexdigest(),
        "network": architecture.address(network),
        "recipe": settings.recipe.address,
        "seed": seed,
    }
    return Task(number, address, network, half.nonzero().flatten(), seed)


def _train(
    missing: list[Task], workshop: Workshop, settings: BankSettings, device: torch.device, progress: bool
) -> int:
    """Train what is missing and return how many were trained here, not by another process."""
    if not missing:
        return 0
    others = "" if len(missing) == settings.count else f" of {settings.count}; the others are in the store"
    log.info("Training %d shadow models%s.", len(missing), others)
    started, trained = time.perf_counter(), 0
    bar = tqdm(
        total=len(missing),
        desc="Training shadow models",
        bar_format="{desc} {n_fmt}/{total_fmt} |{bar:30}| {elapsed}, {remaining} left{postfix}",
        leave=False,
        disable=None if progress else True,
    )
    with bar:
        # Models that another process is at come last: by then they are mostly done.
        for wait in (False, True):
            if not missing:
                break
            busy = []
            train = partial(train_these, workshop=workshop, wait=wait)
            for outcome in settings.engine.map(train, missing, device):
                if outcome.trained is None:
                    busy.append(outcome.number)
                    continue
                trained += outcome.trained
                bar.update()
                bar.set_postfix_str(f"{60 * trained / (time.perf_counter() - started):.0f} models/min")
            missing = [task for task in missing if task.number in busy]
    return trained
