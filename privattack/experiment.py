"""One run, told top to bottom: data, target, service, attack, judgement, result."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig

from privattack.audits.base import Audit, Outcome
from privattack.audits.choose import architecture_of, choose_audit, recipe_of
from privattack.audits.result import result_of
from privattack.audits.standing import standing_of
from privattack.data.images import DataSet
from privattack.data.members import named_members
from privattack.data.splits import TrainingSplit, split_training
from privattack.defences.base import Defence
from privattack.make import make
from privattack.memory import enough_memory
from privattack.models.architecture import Architecture
from privattack.models.devices import device_of, keep_quiet
from privattack.models.dry_run import IMAGES, Output, dry_run
from privattack.models.own_weights import load_checkpoint
from privattack.models.recipes import Recipe
from privattack.models.store import ModelStore
from privattack.models.targets import TrainedTarget, obtain_target
from privattack.randomness import derive
from privattack.report.console import table
from privattack.report.tensorboard import RunLogger, write_events
from privattack.results.files import write_arrays, write_table
from privattack.results.result import Result
from privattack.results.scores import write_scores
from privattack.victims import LocalVictim

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What a run is made of. Nothing of it is trained yet, and nothing is written.

    Attributes:
        split: None where nobody says which images the user's own weights were trained on.
        architecture, recipe: the target's.
        output: what the target's network answers.
        audit: the attack, with what it needs and how it is judged.
    """

    data: DataSet
    split: TrainingSplit | None
    architecture: Architecture
    recipe: Recipe
    output: Output
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
    split = _split(config, data)
    architecture = architecture_of(config, "target", data)
    defence = make(config, "defence", Defence)
    attack = make(config, "attack", object)
    store = ModelStore(config.store)
    seeds = [derive(config.seed, "repetition", number) for number in range(config.repetitions)]
    audit = choose_audit(attack, config, data, split, defence, store=store, device=device, seeds=seeds)
    output = _output(config, architecture, data)
    return Parts(data, split, architecture, recipe_of(config.target), output, defence, audit, store, device)


@enough_memory()
def run(config: DictConfig, choices: dict[str, str], folder: Path) -> Result:
    """Run one experiment and write all that it leaves into `folder`.

    Args:
        config: the composed settings.
        choices: the option chosen for each group, for names in the result.
        folder: exists; `result.json` appears in it last.

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

    before = time.perf_counter()
    bank = parts.audit.bank()
    shadow_seconds = time.perf_counter() - before
    if config.targets is None:
        targets = [
            obtain_target(
                parts.architecture,
                parts.recipe,
                parts.data,
                None if parts.split is None else parts.split.members,
                seed=config.target.seed,
                store=parts.store,
                device=parts.device,
                checkpoint=config.target.checkpoint,
                output=parts.output,
                progress=config.trainer.progress,
                logger=logger,
                lightning=config.trainer.lightning,
            )
        ]
    else:
        assert bank is not None
        targets = [bank.in_the_targets_place(number, parts.data) for number in bank.stand_ins(config.targets)]
    victims = [LocalVictim(target, parts.defence) for target in targets]
    outcome = parts.audit.run(victims, bank)

    timings = {} if bank is None else {"shadow_seconds": shadow_seconds}
    standing = standing_of(targets, parts.data, parts.defence, seed=config.seed)
    result = result_of(config, choices, standing, outcome, timings, started=started)

    known = {} if parts.split is None else {name: places.numpy() for name, places in vars(parts.split).items()}
    write_arrays(folder / "splits.npz", known | outcome.split)
    write_table(folder / "training.csv", ("model", "epoch", "metric", "value"), _training(targets[0], outcome))
    for name in outcome.verdicts[0].curves:
        columns, rows = _curves(outcome, name)
        write_table(folder / f"{name}.csv", columns, rows)
    write_scores(folder, {verdict.name: verdict.images for verdict in outcome.verdicts})
    write_events(logger, result, list(outcome.curves))
    result.write(folder)
    print(table(result, folder))
    return result


def _split(config: DictConfig, data: DataSet) -> TrainingSplit | None:
    target = config.target
    if target.members is not None:
        return named_members(target.members, data.train)
    if target.checkpoint is not None:
        return None
    return split_training(len(data.train), train_size=target.train_size, seed=target.seed)


def _output(config: DictConfig, architecture: Architecture, data: DataSet) -> Output:
    """Let the target answer a few images before anything is trained, and say what its answers are."""
    network, checkpoint = architecture.untrained(config.target.seed), config.target.checkpoint
    setting = f"target.network._target_={config.target.network._target_}"
    if checkpoint is not None:
        setting = f"target.checkpoint={checkpoint}"
        load_checkpoint(network.network, Path(checkpoint))
    few = data.train.take(torch.arange(min(IMAGES, len(data.train)))).pixels()
    output, _ = dry_run(network.eval(), few, classes=data.classes, setting=setting)
    if checkpoint is not None:
        log.info("%s: the network answers %s.", setting, output)
    elif output is Output.PROBABILITIES:
        log.warning("%s: answers probabilities, and the training takes logits; leave out the softmax.", setting)
    return Output.LOGITS if checkpoint is None else output


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
