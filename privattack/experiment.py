"""One run, told top to bottom: data, target, service, attack, judgement, result."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

import privattack
from privattack.audits.base import Audit, Outcome
from privattack.audits.choose import budgets_of, choose_audit, recipe_of
from privattack.audits.judges import judge_defence
from privattack.data.images import DataSet
from privattack.data.splits import TrainingSplit, split_training
from privattack.defences.base import Defence
from privattack.findings.findings import findings
from privattack.make import make
from privattack.metrics import Measurement, over_targets, proportion
from privattack.models.store import ModelStore, fingerprint
from privattack.models.trained_target import Recipe, TrainedTarget, obtain_target
from privattack.models.training import device_of, keep_quiet
from privattack.randomness import derive
from privattack.report.console import table
from privattack.report.tensorboard import RunLogger, write_events
from privattack.results.files import SCHEMA, write_arrays, write_result, write_table
from privattack.victims import LocalVictim


@dataclass(frozen=True)
class Parts:
    """What a run is made of. Nothing of it is trained yet, and nothing is written.

    Attributes:
        build: makes the target's network, untrained.
        recipe: how the target is trained.
        audit: the attack, with what it needs and how it is judged.
    """

    data: DataSet
    split: TrainingSplit
    build: Callable[[], nn.Module]
    recipe: Recipe
    defence: Defence
    audit: Audit
    store: ModelStore
    device: torch.device


def prepare(config: DictConfig) -> Parts:
    """Make every part of a run, so that settings that cannot work are refused before anything is trained.

    Raises:
        UserError: a setting, or a file of the user's, cannot work.
    """
    device = device_of(config.trainer.accelerator)
    data = make(config, "data", DataSet)
    split = split_training(len(data.train), train_size=config.target.train_size, seed=config.target.seed)
    build = partial(make, config, "target.network", nn.Module, classes=data.classes)
    defence = make(config, "defence", Defence)
    attack = make(config, "attack", object)
    store = ModelStore(config.store)
    seeds = [derive(config.seed, "repetition", number) for number in range(config.repetitions)]
    audit = choose_audit(attack, config, data, split, defence, store=store, device=device, seeds=seeds)
    return Parts(data, split, build, recipe_of(config.target), defence, audit, store, device)


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
    parts = prepare(config)
    logger = RunLogger(folder)

    before = time.perf_counter()
    bank = parts.audit.bank()
    shadow_seconds = time.perf_counter() - before
    if config.targets is None:
        targets = [
            obtain_target(
                parts.build,
                parts.data,
                parts.split.members,
                parts.recipe,
                store=parts.store,
                device=parts.device,
                progress=config.trainer.progress,
                logger=logger,
            )
        ]
    else:
        assert bank is not None
        targets = [bank.in_the_targets_place(number, parts.data) for number in bank.stand_ins(config.targets)]
    victims = [LocalVictim(target, parts.defence) for target in targets]
    outcome = parts.audit.run(victims, bank)

    result = _result(config, choices, parts, targets, outcome)
    if bank is not None:
        result["timings"]["shadow_seconds"] = shadow_seconds
    result["timings"]["total_seconds"] = time.perf_counter() - started

    split = {"members": parts.split.members.numpy(), "held_out": parts.split.held_out.numpy(), **outcome.split}
    write_arrays(folder / "splits.npz", split)
    write_table(folder / "training.csv", ("model", "epoch", "metric", "value"), _training(targets[0], outcome))
    for name in outcome.verdicts[0].curves:
        columns, rows = _curves(outcome, name)
        write_table(folder / f"{name}.csv", columns, rows)
    write_events(logger, result, list(outcome.curves))
    write_result(folder, result)
    print(table(result, folder))
    return result


def _result(
    config: DictConfig,
    choices: dict[str, str],
    parts: Parts,
    targets: Sequence[TrainedTarget],
    outcome: Outcome,
) -> dict[str, Any]:
    membership = any("auc" in verdict.metrics for verdict in outcome.verdicts)
    data = parts.data
    honest = parts.defence.session(derive(config.seed, "honest user"))
    cost, microseconds = judge_defence(honest, data.test, [target.test_log_probabilities for target in targets])
    learnt = [proportion(target.member_hits.numpy()) for target in targets]
    tested = [
        proportion((target.test_log_probabilities.argmax(dim=1) == data.test.labels).numpy()) for target in targets
    ]
    attackers = [
        {
            "name": verdict.name,
            "knowledge": verdict.knowledge.value,
            "metrics": _written(verdict.metrics),
            **(
                {"curve": [{"budget": one.budget, "metrics": _written(one.metrics)} for one in verdict.points]}
                if len(verdict.points) > 1
                else {}
            ),
        }
        for verdict in outcome.verdicts
    ]
    images = max(service.images for service in outcome.services)
    fingerprints = [target.fingerprint for target in targets]
    query_seconds = sum(service.seconds for service in outcome.services)
    result = {
        "schema": SCHEMA,
        "run": {
            "attack": choices["attack"],
            "defence": choices["defence"],
            "data": choices["data"],
            "nonmembers": choices["nonmembers"] if membership else None,
            "pool": None if membership else choices.get("pool"),
            "seed": config.seed,
            "budget": budgets_of(config)[-1],
            "repetitions": config.repetitions,
            "targets": config.targets,
            "config": OmegaConf.to_container(config, resolve=True),
        },
        "target": {
            "train_accuracy": _combined(learnt),
            "test_accuracy": _combined(tested),
            "trained": any(target.trained for target in targets),
            "fingerprint": fingerprints[0] if len(fingerprints) == 1 else fingerprint({"targets": fingerprints}),
            "classes": data.classes,
        },
        "service": {
            # Of one repetition: each has a service, and a budget, of its own.
            "images": images,
            "unique_images": max(service.unique_images for service in outcome.services),
            "refused": max(service.refused for service in outcome.services),
            "rounds": max(service.rounds for service in outcome.services),
            "money": None if config.price is None else config.price * images / 1_000,
            **{name: figure.to_json() for name, figure in cost.items()},
        },
        **outcome.extra,
        "attackers": attackers,
        "findings": [],
        "timings": {
            "target_seconds": sum(target.seconds for target in targets),
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


def _written(figures: dict[str, Measurement]) -> dict[str, Any]:
    return {name: figure.to_json() for name, figure in figures.items()}


def _combined(figures: list[Measurement]) -> dict[str, Any]:
    """Return the figure of the target, or the mean where several models were attacked in its place."""
    return (figures[0] if len(figures) == 1 else over_targets(figures)).to_json()


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
