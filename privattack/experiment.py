"""One run, told top to bottom: data, target, service, attack, judgement, result."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

import privattack
from privattack.attacks.extraction.base import ExtractionAttack
from privattack.attacks.membership.base import Candidates, MembershipAttack
from privattack.attacks.membership.blind import blind_inference
from privattack.data.images import DataSet, LabelledImages
from privattack.data.nonmembers import Holdout
from privattack.data.splits import CandidateSplit, TrainingSplit, split_candidates, split_training
from privattack.defences.base import Defence
from privattack.errors import UserError
from privattack.judges import Verdict, judge_defence, judge_extraction, judge_membership
from privattack.metrics import proportion
from privattack.models.store import ModelStore
from privattack.models.trained_target import Recipe, TrainedTarget, obtain_target
from privattack.models.training import device_of, keep_quiet
from privattack.randomness import derive
from privattack.report.console import table
from privattack.report.files import SCHEMA, write_arrays, write_result, write_table
from privattack.report.findings import findings
from privattack.report.tensorboard import RunLogger, write_events
from privattack.service import Service


@dataclass(frozen=True)
class Outcome:
    """What the attack came to, judged."""

    verdicts: list[Verdict]
    services: list[Service]
    seconds: float
    curves: list[dict[str, float]]
    split: dict[str, np.ndarray]


def run(config: DictConfig, choices: dict[str, str], folder: Path) -> dict[str, Any]:
    """Run one experiment and write all that it leaves into `folder`.

    Args:
        config: the composed settings.
        choices: the option chosen for each group, for names in the result.
        folder: exists; `result.json` appears in it last.

    Returns:
        The content of `result.json`.

    Raises:
        UserError: a setting, or a file of the user's, cannot work.
    """
    started = time.perf_counter()
    if not config.verbose:
        keep_quiet()
    device = device_of(config.trainer.accelerator)

    data: DataSet = instantiate(config.data)
    split = split_training(len(data.train), train_size=config.target.train_size, seed=config.target.seed)
    defence: Defence = instantiate(config.defence)
    attack = instantiate(config.attack)
    seeds = [derive(config.seed, "repetition", number) for number in range(config.repetitions)]
    plan = _plan(attack, config, data, split, seeds)

    logger = RunLogger(folder)
    target = _target(config, data, split, device, logger)

    services = [Service(target.model, defence, budget=config.budget) for _ in seeds]
    outcome = plan(services, target)
    result = _result(config, choices, data, target, defence, outcome)
    result["timings"]["total_seconds"] = time.perf_counter() - started

    write_arrays(
        folder / "splits.npz",
        {"members": split.members.numpy(), "held_out": split.held_out.numpy(), **outcome.split},
    )
    write_table(folder / "training.csv", ("model", "epoch", "metric", "value"), _training(target, outcome))
    for name in outcome.verdicts[0].curves:
        columns, rows = _curves(outcome, name)
        write_table(folder / f"{name}.csv", columns, rows)
    write_events(logger, result, outcome.curves)
    write_result(folder, result)
    print(table(result, folder))
    return result


def _plan(
    attack: object, config: DictConfig, data: DataSet, split: TrainingSplit, seeds: list[int]
) -> Callable[[list[Service], TrainedTarget], Outcome]:
    """Check that the attack can run within what the attacker owns; return how to run and judge it."""
    budget = config.budget
    if isinstance(attack, ExtractionAttack):
        if budget > len(data.test):
            raise UserError(
                f"budget={budget}: the query pool has {len(data.test)} images; use a budget of 1 to {len(data.test)}."
            )
        return lambda services, target: _extract(attack, services, data, target, seeds)
    if isinstance(attack, MembershipAttack):
        members = data.train.take(split.members)
        held_out = data.train.take(split.held_out)
        choice = instantiate(config.nonmembers)
        if config.target.checkpoint is not None and isinstance(choice, Holdout):
            raise UserError(
                f"nonmembers=holdout: nobody says which images target.checkpoint={config.target.checkpoint} was not "
                "trained on; choose nonmembers=test, or another that it cannot have seen."
            )
        nonmembers = choice.images(held_out=held_out, test=data.test)
        splits = [split_candidates(len(members), len(nonmembers), budget=budget, seed=seed) for seed in seeds]

        def infer(services: list[Service], target: TrainedTarget) -> Outcome:
            target.model.remember(nonmembers)
            return _infer(attack, services, members, nonmembers, splits, seeds)

        return infer
    raise UserError(f"attack={config.attack._target_}: needs a subclass of ExtractionAttack or MembershipAttack.")


def _target(
    config: DictConfig, data: DataSet, split: TrainingSplit, device: torch.device, logger: RunLogger
) -> TrainedTarget:
    settings = config.target
    recipe = Recipe(
        network=cast(dict[str, Any], OmegaConf.to_container(settings.network, resolve=True)),
        lr=float(settings.lr),
        gamma=float(settings.gamma),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
        checkpoint=settings.checkpoint,
    )
    return obtain_target(
        lambda: instantiate(settings.network, classes=data.classes),
        data,
        split.members,
        recipe,
        store=ModelStore(config.store),
        device=device,
        progress=config.trainer.progress,
        logger=logger,
    )


def _extract(
    attack: ExtractionAttack, services: list[Service], data: DataSet, target: TrainedTarget, seeds: list[int]
) -> Outcome:
    started = time.perf_counter()
    extraction = attack.run(services, data.test, seeds=seeds)
    seconds = time.perf_counter() - started
    verdicts = judge_extraction(extraction, services, data.test, target.test_log_probabilities)
    return Outcome(verdicts, services, seconds, extraction.surrogates.history, {"queries": extraction.queries.numpy()})


def _infer(
    attack: MembershipAttack,
    services: list[Service],
    members: LabelledImages,
    nonmembers: LabelledImages,
    splits: list[CandidateSplit],
    seeds: list[int],
) -> Outcome:
    inferences, memberships, seconds, written = [], [], 0.0, {}
    for number, (service, split, seed) in enumerate(zip(services, splits, seeds, strict=True)):
        images = members.take(split.members).join(nonmembers.take(split.nonmembers))
        candidates = Candidates(
            images.take(split.known), split.membership(split.known).numpy(), images.take(split.unknown)
        )
        started = time.perf_counter()
        inferred = attack.run(service, candidates, seed=seed)
        seconds += time.perf_counter() - started
        inferences.append([*inferred, blind_inference(candidates)])
        memberships.append(split.membership(split.unknown).numpy())
        for name in ("members", "nonmembers", "known", "unknown"):
            written[f"candidates_{number}_{name}"] = getattr(split, name).numpy()
    return Outcome(judge_membership(inferences, memberships), services, seconds, [], written)


def _result(
    config: DictConfig,
    choices: dict[str, str],
    data: DataSet,
    target: TrainedTarget,
    defence: Defence,
    outcome: Outcome,
) -> dict[str, Any]:
    membership = any("auc" in verdict.metrics for verdict in outcome.verdicts)
    cost, microseconds = judge_defence(defence, data.test, target.test_log_probabilities)
    hits = target.test_log_probabilities.argmax(dim=1) == data.test.labels
    attackers = [
        {
            "name": verdict.name,
            "knowledge": verdict.knowledge.value,
            "metrics": {name: figure.to_json() for name, figure in verdict.metrics.items()},
        }
        for verdict in outcome.verdicts
    ]
    query_seconds = sum(service.seconds for service in outcome.services)
    result = {
        "schema": SCHEMA,
        "run": {
            "attack": choices["attack"],
            "defence": choices["defence"],
            "data": choices["data"],
            "nonmembers": choices["nonmembers"] if membership else None,
            "seed": config.seed,
            "budget": config.budget,
            "repetitions": config.repetitions,
            "config": OmegaConf.to_container(config, resolve=True),
        },
        "target": {
            "train_accuracy": proportion(target.member_hits.numpy()).to_json(),
            "test_accuracy": proportion(hits.numpy()).to_json(),
            "trained": target.trained,
            "fingerprint": target.fingerprint,
        },
        "service": {
            # Of one repetition: each has a service, and a budget, of its own.
            "images": max(service.images for service in outcome.services),
            "unique_images": max(service.unique_images for service in outcome.services),
            "refused": max(service.refused for service in outcome.services),
            **{name: figure.to_json() for name, figure in cost.items()},
        },
        "attackers": attackers,
        "findings": [],
        "timings": {
            "target_seconds": target.seconds,
            "query_seconds": query_seconds,
            "attack_seconds": outcome.seconds - query_seconds,
            "defence_microseconds_per_image": microseconds,
        },
        "versions": {
            "privattack": privattack.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }
    result["findings"] = findings([result])
    return result


def _training(target: TrainedTarget, outcome: Outcome) -> list[tuple[str, int, str, float]]:
    return [
        (model, int(row["epoch"]), name, value)
        for model, history in (("target", target.history), ("surrogate", outcome.curves))
        for row in history
        for name, value in row.items()
        if name != "epoch"
    ]


def _curves(outcome: Outcome, name: str) -> tuple[list[str], list[tuple[str | float | int, ...]]]:
    columns = list(outcome.verdicts[0].curves[name])
    rows = [
        (verdict.name, *row) for verdict in outcome.verdicts for row in zip(*verdict.curves[name].values(), strict=True)
    ]
    return ["attacker", *columns], rows
