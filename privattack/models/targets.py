"""The target of a run: trained now, taken from the store, or brought by the user."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from lightning.pytorch.loggers import Logger
from torch import Tensor

from privattack.data.images import DataSet
from privattack.errors import UserError
from privattack.models.accountants import Privacy
from privattack.models.architecture import Architecture
from privattack.models.costs import Work
from privattack.models.dry_run import Output
from privattack.models.own_weights import load_checkpoint
from privattack.models.recipes import Recipe, Supervised, Train
from privattack.models.remembered import RememberedTarget
from privattack.models.store import ModelStore, StoredModel, fingerprint
from privattack.models.target import Target
from privattack.models.target_training import train_by_lightning, train_target

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class TrainedTarget:
    """A target and what the judge knows of it.

    Attributes:
        model: answers pixels with log-probabilities; knows the answers for the training and the test part.
        fingerprint: its address in the store.
        trained: whether it was trained in this run.
        history: its training, a row per epoch; empty for the user's own weights.
        member_hits: for each member, canaries left out, whether the target names its class; None where nobody knows
            them.
        test_log_probabilities: the target's answers for the test part.
        privacy: what its training proves of the privacy of its members; None where that is nothing.
    """

    model: RememberedTarget
    fingerprint: str
    trained: bool
    history: list[dict[str, float]]
    member_hits: Bool[Tensor, " m"] | None
    test_log_probabilities: Float[Tensor, "n classes"]
    seconds: float
    privacy: Privacy | None = None


# The last target of this process: the jobs of a sweep mostly share one.
_remembered: dict[tuple[str, str], RememberedTarget] = {}


def obtain_target(
    architecture: Architecture,
    recipe: Recipe,
    data: DataSet,
    members: Int64[Tensor, " m"] | None,
    *,
    seed: int,
    store: ModelStore,
    device: torch.device,
    checkpoint: str | None = None,
    output: Output = Output.LOGITS,
    progress: bool = False,
    logger: Logger | None = None,
    lightning: bool = False,
    trainer: Mapping[str, Any] = NOTHING,
    told: Mapping[str, Any] = NOTHING,
) -> TrainedTarget:
    """Return the target of this architecture and recipe, trained only if nobody has trained it yet.

    Args:
        members: indices into the training part; None where nobody knows those of a checkpoint.
        seed: decides initial weights, batch order and dropout.
        checkpoint: the user's own trained weights, instead of a training.
        output: what the network answers with them.
        lightning: whether Lightning's Trainer trains it: to the same weights, slower.
        trainer: what it is told besides, such as callbacks; see `train_by_lightning`.
        told: what the address tells of that, by which the weights may be others.

    Raises:
        UserError: the checkpoint cannot be used, the store cannot be written, or the training fails.
    """
    started = time.perf_counter()
    network = architecture.untrained(seed)
    address: dict[str, Any] = {
        "data": [data.name, data.checksum, data.classes],
        "members": None if members is None else hashlib.sha256(members.numpy().tobytes()).hexdigest(),
        "network": architecture.address(network),
    }

    def judged(history: list[dict[str, float]], began: float | None = None) -> StoredModel:
        model = Target(network, device=device, output=output)
        outputs = {"train": model.answer(data.train), "test": model.answer(data.test)}
        if not all(answers.isfinite().all() for answers in outputs.values()):
            setting = f"lr={recipe.lr}" if checkpoint is None else f"checkpoint={checkpoint}"
            raise UserError(
                f"target.{setting}: the target answers with numbers that are not finite, so it cannot be attacked; "
                "use a smaller target.lr, or weights that are finite."
            )
        cost = {}
        if began is not None and members is not None:
            work = Work(len(members), recipe.epochs, len(data.train) + (1 + recipe.epochs) * len(data.test))
            cost = work.cost(time.perf_counter() - began, device)
        return StoredModel(network.network.state_dict(), outputs, history, cost)

    def train(kept: Path) -> StoredModel:
        assert members is not None
        began = None if kept.exists() else time.perf_counter()  # of a training that goes on, nobody knows the whole
        learnt = data.train.take(members)
        train_one: Callable[..., list[dict[str, float]]] = train_by_lightning if lightning else train_target
        return judged(
            train_one(
                network, recipe, learnt, data.test,
                seed=seed, device=device, checkpoint=kept, progress=progress, logger=logger,
                **(trainer if lightning else NOTHING),
            ),
            began,
        )  # fmt: skip

    if output is Output.PROBABILITIES:
        address["output"] = output.value
    if checkpoint is None:
        address |= {"recipe": recipe.address, "seed": seed, **told}
        stored, trained = store.obtain(address, train)
    else:
        address["checkpoint"] = load_checkpoint(network.network, Path(checkpoint))
        stored, trained = store.obtain(address, lambda _: judged([]))[0], False
    network.network.load_state_dict(dict(stored.weights))
    key = (fingerprint(address), device.type)
    if key not in _remembered:
        _remembered.clear()
        _remembered[key] = RememberedTarget(Target(network, device=device, output=output))
    model = _remembered[key]
    hits = model.remember(data.train, stored.outputs["train"]).argmax(dim=1) == data.train.labels
    natural = None if members is None else members[members < len(data.train) - data.canaries]
    return TrainedTarget(
        model=model,
        fingerprint=fingerprint(address),
        trained=trained,
        history=stored.history,
        member_hits=None if natural is None else hits[natural],
        test_log_probabilities=model.remember(data.test, stored.outputs["test"]),
        seconds=time.perf_counter() - started,
        privacy=None if checkpoint is not None or members is None else recipe.privacy(len(members)),
    )


def beside(
    architecture: Architecture,
    recipe: Recipe,
    data: DataSet,
    members: Int64[Tensor, " m"],
    *,
    seed: int,
    store: ModelStore,
    device: torch.device,
) -> Train:
    """Return what trains a second model beside one of these, or takes it from the store.

    It is told what makes the second's recipe of the settings that both share.
    """
    shared = {field.name: getattr(recipe, field.name) for field in fields(Supervised)}

    def train(training: Callable[..., Supervised]) -> RememberedTarget:
        second = training(**shared)
        return obtain_target(architecture, second, data, members, seed=seed, store=store, device=device).model

    return train
