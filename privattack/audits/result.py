"""The result of a run: what its audit came to, and what the defence costs honest users."""

import platform
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from omegaconf import DictConfig, OmegaConf

import privattack
from privattack.audits.base import Outcome
from privattack.audits.choose import budgets_of
from privattack.audits.judges import Verdict, judge_defence
from privattack.data.images import DataSet
from privattack.defences.base import Defence
from privattack.findings.findings import findings
from privattack.metrics import Measurement, over_targets, proportion
from privattack.models.store import fingerprint
from privattack.models.targets import TrainedTarget
from privattack.randomness import derive
from privattack.results.result import Attacker, Result, Run, Service, Target


def result_of(
    config: DictConfig,
    choices: Mapping[str, str],
    data: DataSet,
    defence: Defence,
    targets: Sequence[TrainedTarget],
    outcome: Outcome,
    timings: Mapping[str, float],
    *,
    started: float,
) -> Result:
    """Return the result of a run, with its findings.

    Args:
        choices: the option chosen for each group.
        targets: the models that were attacked, one or several.
        timings: seconds of what was done before the attack began, by name.
        started: when the run began, by `time.perf_counter`.
    """
    honest = defence.session(derive(config.seed, "honest user"))
    cost, microseconds = judge_defence(honest, data.test, [target.test_log_probabilities for target in targets])
    images = max(service.images for service in outcome.services)
    query_seconds = sum(service.seconds for service in outcome.services)
    result = Result(
        schema=1,
        run=_run(config, choices, outcome),
        target=_target(targets, data),
        # Of one repetition: each has a service, and a budget, of its own.
        service=Service(
            images=images,
            unique_images=max(service.unique_images for service in outcome.services),
            refused=max(service.refused for service in outcome.services),
            rounds=max(service.rounds for service in outcome.services),
            money=None if config.price is None else config.price * images / 1_000,
            **cost,
        ),
        **outcome.extra,
        attackers=[_attacker(verdict) for verdict in outcome.verdicts],
        findings=[],
        timings={
            "target_seconds": sum(target.seconds for target in targets),
            **timings,
            "query_seconds": query_seconds,
            "attack_seconds": outcome.seconds - query_seconds,
            "defence_microseconds_per_image": microseconds,
            "total_seconds": time.perf_counter() - started,
        },
        versions={
            "privattack": privattack.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
        },
    )
    return result.model_copy(update={"findings": findings([result])})


def _run(config: DictConfig, choices: Mapping[str, str], outcome: Outcome) -> Run:
    membership = any("auc" in verdict.metrics for verdict in outcome.verdicts)
    return Run(
        attack=choices["attack"],
        defence=choices["defence"],
        data=choices["data"],
        nonmembers=choices["nonmembers"] if membership else None,
        pool=None if membership else choices.get("pool"),
        seed=config.seed,
        budget=budgets_of(config)[-1],
        repetitions=config.repetitions,
        targets=config.targets,
        config=cast(dict[str, Any], OmegaConf.to_container(config, resolve=True)),
    )


def _target(targets: Sequence[TrainedTarget], data: DataSet) -> Target:
    learnt = [_learnt(target) for target in targets]
    right = [target.test_log_probabilities.argmax(dim=1) == data.test.labels for target in targets]
    fingerprints = [target.fingerprint for target in targets]
    return Target(
        train_accuracy=_combined(learnt),
        test_accuracy=_combined([proportion(hits.numpy()) for hits in right]),
        trained=any(target.trained for target in targets),
        fingerprint=fingerprints[0] if len(targets) == 1 else fingerprint({"targets": fingerprints}),
        classes=data.classes,
    )


def _learnt(target: TrainedTarget) -> Measurement:
    if target.member_hits is None:
        return Measurement.missing(0, "nobody says which images the target was trained on")
    return proportion(target.member_hits.numpy())


def _combined(figures: list[Measurement]) -> Measurement:
    """Return the figure of the target, or the mean where several models were attacked in its place."""
    return figures[0] if len(figures) == 1 else over_targets(figures)


def _attacker(verdict: Verdict) -> Attacker:
    curve = {"curve": list(verdict.points)} if len(verdict.points) > 1 else {}
    return Attacker(name=verdict.name, knowledge=verdict.knowledge.value, metrics=verdict.metrics, **curve)
