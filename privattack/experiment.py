"""One run, told top to bottom: data, target, service, attack, judgement, result."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from privattack.atomic_write import with_path
from privattack.audits.base import Audit, Outcome
from privattack.audits.choose import choose_audit
from privattack.audits.extraction import ExtractionAudit
from privattack.audits.result import result_of
from privattack.audits.standing import standing_of
from privattack.audits.watching import watching_of
from privattack.data.apart import check_apart
from privattack.data.images import DataSet
from privattack.data.splits import TrainingSplit
from privattack.defences.base import Defence
from privattack.defences.owner import Owner
from privattack.errors import UserError
from privattack.make import make
from privattack.memory import enough_memory
from privattack.models.devices import device_of, keep_quiet
from privattack.models.object_store import open_store
from privattack.models.shadow_bank import ShadowBank
from privattack.models.store import ModelStore
from privattack.monitors.base import Monitor, NoMonitor
from privattack.own_target import TargetParts, data_of, split_of, target_parts
from privattack.randomness import derive
from privattack.report.console import box, table
from privattack.report.loggers import Forgiving, tell
from privattack.report.tensorboard import RunLogger, write_events
from privattack.results.compared import write_compared
from privattack.results.files import write_arrays, write_table
from privattack.results.result import Result
from privattack.results.scores import write_scores
from privattack.victims import ForeignVictims, LocalVictim, Standing, Victim


@dataclass(frozen=True)
class Parts:
    """What a run is made of. Nothing of it is trained yet, and nothing is written.

    Attributes:
        split: None where nobody says which images the user's own weights were trained on.
        foreign: where somebody else's model is asked; None where the target is attacked.
        audit: the attack, with what it needs and how it is judged.
    """

    data: DataSet
    split: TrainingSplit | None
    target: TargetParts
    foreign: ForeignVictims | None
    defence: Defence
    monitor: Monitor
    audit: Audit
    store: ModelStore
    device: torch.device


def prepare(config: DictConfig) -> Parts:
    """Make every part of a run, so that settings that cannot work are refused before anything is trained.

    Raises:
        UserError: a setting, or a file of the user's, cannot work.
    """
    device = device_of(config.trainer.accelerator)
    data = data_of(config)
    learnt = "lie in the training part, too, so that they do not tell what is learnt from what is known by heart"
    check_apart("data's test part", data.test, data.train, so=learnt)
    split = split_of(config, data)
    foreign = _foreign(config)
    defence = make(config, "defence", Defence)
    target = target_parts(config, data, split, defence)
    monitor = make(config, "monitor", Monitor)
    attack = make(config, "attack", object)
    store = open_store(config.store)
    seeds = [derive(config.seed, "repetition", number) for number in range(config.repetitions)]
    audit = choose_audit(attack, config, data, split, defence, store=store, device=device, seeds=seeds)
    if foreign is not None and not isinstance(audit, ExtractionAudit) and not foreign.sends_members:
        raise UserError(
            "victim.send_members=false: membership inference asks about images that the model was trained on, and they "
            "would leave this machine; victim.send_members=true sends them."
        )
    if foreign is not None and not isinstance(monitor, NoMonitor):
        raise UserError(
            "monitor: watches the run's own service, and the victim is somebody else's API; set monitor=none."
        )
    return Parts(data, split, target, foreign, defence, monitor, audit, store, device)


@enough_memory()
def run(config: DictConfig, choices: dict[str, str], folder: Path) -> Result:
    """Run one experiment and write all that it leaves into `folder`.

    Args:
        config: the composed settings.
        choices: the option chosen for each group, for names in the result.
        folder: exists; `result.json` appears in it once all else is there, but for what `logger` writes.

    Returns:
        What stands in `result.json`.

    Raises:
        UserError: a setting, or a file of the user's, cannot work.
    """
    started = time.perf_counter()
    if not config.verbose:
        keep_quiet()
    parts = prepare(config)
    logger = RunLogger(folder)
    others = [make(config, "logger", Logger, save_dir=str(folder))] if OmegaConf.select(config, "logger") else []
    live = [Forgiving(one) for one in others] if config.trainer.lightning and config.trainer.devices == 1 else []

    before = time.perf_counter()
    bank = parts.audit.bank()
    shadow_seconds = time.perf_counter() - before
    with _attacked(config, parts, bank, logger, live) as attacked:
        outcome = parts.audit.run(attacked.victims, bank)
        standing = attacked.standing()
        watching = watching_of(attacked.victims, outcome.services, parts.data, seed=config.seed)
    if watching is not None:
        outcome = replace(outcome, extra={**outcome.extra, "watching": watching})

    timings = {} if bank is None else {"shadow_seconds": shadow_seconds}
    result = result_of(config, choices, standing, outcome, timings, started=started)

    known = {} if parts.split is None else {name: places.numpy() for name, places in vars(parts.split).items()}
    write_arrays(folder / "splits.npz", known | outcome.split)
    write_table(folder / "training.csv", ("model", "epoch", "metric", "value"), _training(attacked.history, outcome))
    for name in outcome.verdicts[0].curves:
        columns, rows = _curves(outcome, name)
        write_table(folder / f"{name}.csv", columns, rows)
    write_compared(folder, result)
    write_scores(folder, {verdict.name: verdict.images for verdict in outcome.verdicts})
    with with_path(folder):
        write_events(logger, result, list(outcome.curves))
    result.write(folder)
    told = result.target.trained and any(not one.failed for one in live)  # by Lightning's Trainer, while it trained
    for one in others:
        tell(one, result, {"target": [] if told else attacked.history, "surrogate": outcome.curves})
    print(box(result), table(result, folder), sep="\n")
    return result


class _Attacked(NamedTuple):
    """What is attacked, what a result says of it in the end, and its training, a row per epoch."""

    victims: Sequence[Victim]
    standing: Callable[[], Standing]
    history: Sequence[dict[str, float]]


@contextmanager
def _attacked(
    config: DictConfig, parts: Parts, bank: ShadowBank | None, logger: RunLogger, loggers: Sequence[Logger]
) -> Iterator[_Attacked]:
    """Yield the target, models in its place, or somebody's model elsewhere."""
    if parts.foreign is not None:
        named = torch.empty(0, dtype=torch.int64) if parts.split is None else parts.split.members
        with parts.foreign.connected(parts.data, parts.defence, parts.data.train.take(named)) as victim:
            yield _Attacked([victim], victim.standing, [])
        return
    if config.targets is None:
        targets = [parts.target.obtain(store=parts.store, device=parts.device, logger=logger, loggers=loggers)]
        members = None if parts.split is None else parts.split.learnt
        train = parts.target.beside(store=parts.store, device=parts.device)
        owners = [Owner.of(targets[0].model, parts.data, members, train=train)]
    else:
        assert bank is not None
        numbers = bank.stand_ins(config.targets)
        targets = [bank.in_the_targets_place(number, parts.data) for number in numbers]
        learnt = [bank.membership[number] for number in numbers]
        trains = [bank.beside(number, parts.data) for number in numbers]
        owners = [
            Owner(one.model, bank.pool, known, train) for one, known, train in zip(targets, learnt, trains, strict=True)
        ]
    defences = [parts.monitor.guarding(parts.defence.fitted(owner)) for owner in owners]
    victims = [LocalVictim(*both) for both in zip(targets, defences, strict=True)]
    yield _Attacked(victims, partial(standing_of, victims, parts.data, seed=config.seed), targets[0].history)


def _foreign(config: DictConfig) -> ForeignVictims | None:
    """Return where somebody else's model is asked; None where the run trains its target."""
    if OmegaConf.select(config, "victim") is None:
        return None
    if config.target.checkpoint is not None:
        raise UserError(
            f"target.checkpoint={config.target.checkpoint}: the victim is somebody else's model, so that these weights "
            "would not be looked at; leave them out."
        )
    return make(config, "victim", ForeignVictims)


def _training(history: Sequence[dict[str, float]], outcome: Outcome) -> list[tuple[str, int, str, float]]:
    return [
        (model, int(row["epoch"]), name, value)
        for model, rows in (("target", history), ("surrogate", outcome.curves))
        for row in rows
        for name, value in row.items()
        if name != "epoch"
    ]


def _curves(outcome: Outcome, name: str) -> tuple[list[str], list[tuple[str | float | int, ...]]]:
    columns = list(outcome.verdicts[0].curves[name])
    rows = [
        (verdict.name, *row) for verdict in outcome.verdicts for row in zip(*verdict.curves[name].values(), strict=True)
    ]
    return ["attacker", *columns], rows
