"""The audit of a model that the caller has in hand: the attacks, judges and results of the command line."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor, nn

from privattack.api.configure import configured
from privattack.api.results import Results
from privattack.attacks.extraction.base import ExtractionAttack
from privattack.attacks.membership.base import MembershipAttack
from privattack.attacks.membership.known_threshold import KnownThreshold
from privattack.attacks.membership.shadow import AnswerAttack, ShadowAttack
from privattack.audits.base import Outcome
from privattack.audits.choose import choose_audit
from privattack.audits.result import result_of
from privattack.audits.standing import standing_of
from privattack.data.given import Given, labelled
from privattack.data.image_sources import Group
from privattack.data.images import DataSet, LabelledImages
from privattack.data.splits import TrainingSplit
from privattack.defences.base import Defence
from privattack.defences.owner import Owner
from privattack.errors import UserError
from privattack.make import make
from privattack.models.architecture import Architecture
from privattack.models.devices import device_of
from privattack.models.dry_run import IMAGES, Output, dry_run
from privattack.models.normalised import Normalised
from privattack.models.object_store import open_store
from privattack.models.own_model import OwnModel
from privattack.models.remembered import RememberedTarget
from privattack.models.store import fingerprint
from privattack.models.targets import TrainedTarget
from privattack.randomness import derive
from privattack.results.collect import Finished, Histogram, Roc
from privattack.victims import LocalVictim

log = logging.getLogger(__name__)

Images = tuple[Any, Any] | LabelledImages
OneOrMore = float | Sequence[float]


def audit(
    model: Callable[[Tensor], Any],
    *,
    members: Images | None = None,
    nonmembers: Images | None = None,
    test: Images | None = None,
    pool: Images | None = None,
    attack: str | ExtractionAttack | MembershipAttack | ShadowAttack = "mia",
    defence: str | Defence = "none",
    budget: int | None = None,
    network: Callable[[], nn.Module] | None = None,
    mean: OneOrMore = 0.0,
    std: OneOrMore = 1.0,
    settings: Sequence[str] = (),
    folder: str | Path | None = None,
) -> Results:
    """Attack a model of your own behind a defence, by membership inference or by extraction, and return the result.

    Images are given as `(images, labels)`: images `(n, c, h, w)`, or grey `(n, h, w)`, uint8 or floats in [0, 1], and
    labels `(n,)`, whole numbers from 0; arrays, tensors or lists.

    Args:
        model: a module or any callable, from images `(n, c, h, w)`, a float32 tensor, to logits, probabilities or
            log-probabilities `(n, classes)`, a tensor or an array. Which of them is detected and said in the log.
        members: images that it was trained on, and
        nonmembers: images of the same kind that it was not. Membership inference needs both.
        test: images by which surrogates and the defence's cost are judged; `nonmembers` by default.
        pool: images that an extraction may ask about; `test` by default.
        attack: an option of the command line's `attack=`, or an attack of your own. Those with shadow models need
            `network`; without it, `gap` and `loss` work, the latter with a threshold from a random half of the images,
            so that the other half is judged: `settings=["repetitions=5"]` judges five such halves.
        defence: an option of `defence=`, or a defence of your own.
        budget: how many images the attack may ask about; by default as many as it has, for an extraction 3,000 at most.
        network: makes an untrained module of the model's kind that answers logits. Shadow models are trained from it
            by the recipe of `settings`, in this process unless they say `shadow.processes`.
        mean, std: what the model wants taken out of pixels in [0, 1]: a number, or one per channel.
        settings: more of the command line's words, such as `["shadow.epochs=50", "seed=1", "repetitions=3"]`.
        folder: where `result.json` is written; nowhere by default.

    Returns:
        One result: `audit(...).result` is it.

    Raises:
        UserError: something given cannot work; nothing is trained by then.
    """
    started = time.perf_counter()
    if folder is not None and (Path(folder) / "result.json").exists():
        raise UserError(f"folder={folder}: holds a result already; choose another folder.")
    given = {
        name: labelled(name, images)
        for name, images in {"members": members, "nonmembers": nonmembers, "test": test, "pool": pool}.items()
        if images is not None
    }
    judged = _first(given, "test", "nonmembers", "pool")
    config, choices = configured(model, attack, defence, settings)
    channels = judged.shape[0]
    moments = {name: _per_channel(name, value, channels) for name, value in (("mean", mean), ("std", std))}
    own = OwnModel(model, **moments, images=judged.take(torch.arange(min(IMAGES, len(judged)))).pixels())
    log.info("model=%s: answers %s of %d classes.", type(model).__name__, own.output, own.classes)
    _check(given, judged, own.classes)

    attacking = make(config, "attack", object) if isinstance(attack, str) else attack
    defending = make(config, "defence", Defence) if isinstance(defence, str) else defence
    if isinstance(attacking, ShadowAttack) and network is None and attacking.least_shadows:
        if not (isinstance(attacking, AnswerAttack) and attacking.scores_alone):
            raise UserError(
                f"attack={choices['attack']}: trains shadow models of the model's own kind; give network=, a function "
                "that makes an untrained one, or use attack=mia, loss or gap."
            )
        attacking = KnownThreshold(attacking)
    learnt = given.get("members", LabelledImages(judged.images[:0], judged.labels[:0]))
    extracts = isinstance(attacking, ExtractionAttack)
    if not extracts and not {"members", "nonmembers"} <= set(given):
        raise UserError(
            f"attack={choices['attack']}: membership inference needs members=, images that the model was trained on, "
            "and nonmembers=, images that it was not."
        )
    data = DataSet.of("own", own.classes, learnt, judged, **moments)
    groups: tuple[Group, Group] = ("pool", "nonmembers")
    sources = {group: Given(given=given.get(group, judged)) for group in groups}
    with open_dict(config):
        config.budget = budget if budget is not None else _budget(attacking, sources, learnt, config)
    everyone = torch.arange(len(learnt))
    chosen = choose_audit(
        attacking,
        config,
        data,
        TrainingSplit(everyone, everyone[:0]),
        defending,
        store=open_store(config.store),
        device=device_of(config.trainer.accelerator),
        seeds=[derive(config.seed, "repetition", number) for number in range(config.repetitions)],
        given=sources,
        shadow=None if network is None else _architecture(network, data),
    )
    before = time.perf_counter()
    bank = chosen.bank()
    timings = {} if bank is None else {"shadow_seconds": time.perf_counter() - before}
    target = _target(own, data)
    victim = LocalVictim(target, defending.fitted(Owner.of(target.model, data, everyone)))
    outcome = chosen.run([victim], bank)
    standing = standing_of([victim], data, seed=config.seed)
    result = result_of(config, choices, standing, outcome, timings, started=started)
    place = Path("audit") if folder is None else Path(folder)
    if folder is not None:
        place.mkdir(parents=True, exist_ok=True)
        result.write(place)
    return Results([Finished(place, result, *_curves(outcome))], [])


def _first(given: dict[str, LabelledImages], *names: str) -> LabelledImages:
    found = [given[name] for name in names if name in given]
    if not found:
        raise UserError(f"{names[0]}: no images are given to judge by; give members= and nonmembers=, or test=.")
    return found[0]


def _check(given: dict[str, LabelledImages], judged: LabelledImages, classes: int) -> None:
    for name, images in given.items():
        if images.shape != judged.shape:
            raise UserError(
                f"{name}: has images {images.shape} beside others of {judged.shape}; give all in one shape."
            )
        if images.labels.min() < 0 or images.labels.max() >= classes:
            raise UserError(
                f"{name}: has labels from {int(images.labels.min())} to {int(images.labels.max())}, and the model "
                f"answers {classes} classes; number them from 0 to {classes - 1}."
            )
    if {"members", "nonmembers"} <= set(given):
        shared = len(set(given["members"].digests) & set(given["nonmembers"].digests))
        if shared:
            raise UserError(f"nonmembers: {shared} images are members, too; leave them out of one.")


def _per_channel(name: str, value: OneOrMore, channels: int) -> tuple[float, ...]:
    numbers = tuple(map(float, value)) if isinstance(value, Sequence) else (float(value),) * channels
    if len(numbers) != channels or (name == "std" and min(numbers) <= 0):
        raise UserError(
            f"{name}={value}: needs a number{' above 0' * (name == 'std')}, or {channels}, one per channel."
        )
    return numbers


def _budget(attack: object, sources: Mapping[Group, Given], members: LabelledImages, config: DictConfig) -> int:
    """Return as many queries as there is use for."""
    pairs = 2 * min(len(members), len(sources["nonmembers"].given))
    if isinstance(attack, MembershipAttack):
        return pairs
    if isinstance(attack, ShadowAttack):
        return pairs * attack.queries + attack.public
    return min(len(sources["pool"].given), OmegaConf.select(config, "default_budget.extraction"))


def _architecture(network: Callable[[], nn.Module], data: DataSet) -> Architecture:
    made = network()
    if not isinstance(made, nn.Module):
        raise UserError(f"network: makes a {type(made).__name__}; give a function that makes an untrained nn.Module.")
    few = data.test.take(torch.arange(min(IMAGES, len(data.test)))).pixels()
    answered = dry_run(Normalised(made, data.mean, data.std).eval(), few, classes=data.classes, setting="network")
    if answered.output is Output.PROBABILITIES:
        raise UserError("network: answers probabilities, and shadow models learn by logits; leave out the softmax.")
    name = f"{type(made).__module__}.{type(made).__qualname__}"
    # Its settings are in the factory: what they make says which they were.
    return Architecture(network, {"_target_": name, "made": repr(made)}, data.mean, data.std)


def _target(own: OwnModel, data: DataSet) -> TrainedTarget:
    model = RememberedTarget(own)
    on_members, on_test = (
        model.remember(part) if len(part) else own(part.pixels()) for part in (data.train, data.test)
    )
    return TrainedTarget(
        model=model,
        fingerprint=fingerprint({"data": data.checksum, "answers": [on_members.tolist(), on_test.tolist()]}),
        trained=False,
        history=[],
        member_hits=on_members.argmax(dim=1) == data.train.labels if len(data.train) else None,
        test_log_probabilities=on_test,
        seconds=0.0,
    )


def _curves(outcome: Outcome) -> tuple[dict[str, Roc], dict[str, Histogram]]:
    verdicts = [verdict for verdict in outcome.verdicts if verdict.curves]
    return (
        {verdict.name: Roc(**_floats(verdict.curves["roc"])) for verdict in verdicts},
        {verdict.name: Histogram(**_floats(verdict.curves["histograms"])) for verdict in verdicts},
    )


def _floats(columns: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {name: [*map(float, column)] for name, column in columns.items()}
