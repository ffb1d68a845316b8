"""The result of a run: what its audit came to, and what the defence costs honest users."""

import platform
import time
from collections.abc import Mapping
from typing import Any, cast

import torch
from omegaconf import DictConfig, OmegaConf

import privattack
from privattack.audits.base import Outcome
from privattack.audits.choose import budgets_of
from privattack.audits.judges import Verdict
from privattack.findings.findings import findings
from privattack.results.claims import Claim, check_claims
from privattack.results.result import Attacker, Result, Run, Service
from privattack.victims import Standing


def result_of(
    config: DictConfig,
    choices: Mapping[str, str],
    standing: Standing,
    outcome: Outcome,
    timings: Mapping[str, float],
    *,
    started: float,
) -> Result:
    """Return the result of a run, with its findings.

    Args:
        choices: the option chosen for each group.
        standing: of what was attacked.
        timings: seconds of what was done before the attack began, by name.
        started: when the run began, by `time.perf_counter`.
    """
    images = max(service.images for service in outcome.services)
    query_seconds = sum(service.seconds for service in outcome.services)
    extra: dict[str, Any] = ({} if standing.remote is None else {"remote": standing.remote}) | outcome.extra
    per_image = standing.microseconds
    microseconds = {} if per_image is None else {"defence_microseconds_per_image": per_image}
    result = Result(
        schema=1,
        run=_run(config, choices, outcome),
        target=standing.target,
        # Of one repetition: each has a service, and a budget, of its own.
        service=Service(
            images=images,
            unique_images=max(service.unique_images for service in outcome.services),
            refused=max(service.refused for service in outcome.services),
            rounds=max(service.rounds for service in outcome.services),
            money=None if config.price is None else config.price * images / 1_000,
            **standing.costs,
        ),
        **extra,
        attackers=[_attacker(verdict) for verdict in outcome.verdicts],
        findings=[],
        timings={
            "target_seconds": standing.seconds,
            **timings,
            "query_seconds": query_seconds,
            "attack_seconds": outcome.seconds - query_seconds,
            **microseconds,
            "total_seconds": time.perf_counter() - started,
        },
        versions={
            "privattack": privattack.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
        },
    )
    claims = [Claim(**one) for one in result.run.config["claims"]]
    return result.model_copy(update={"findings": findings([result]), "claims": check_claims(result, claims)})


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


def _attacker(verdict: Verdict) -> Attacker:
    curve: dict[str, Any] = {"curve": list(verdict.points)} if len(verdict.points) > 1 else {}
    attacker = Attacker(name=verdict.name, knowledge=verdict.knowledge.value, metrics=verdict.metrics, **curve)
    return attacker.model_copy(update={"compared": verdict.compared})
