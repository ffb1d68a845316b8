"""The judges: one per kind of attack. They hold the truth that no attack is given, and turn what an
attack came to into numbers with intervals.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from privattack import metrics
from privattack.attacks.extraction.base import Extraction
from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.audits.tally import Places, tally_extraction, tally_membership
from privattack.data.images import LabelledImages, digests
from privattack.metrics import Measurement
from privattack.metrics.by_image import ByImage
from privattack.results.result import Point
from privattack.results.scores import Columns
from privattack.victims import Judged

Average = Callable[..., Measurement]  # `over_repetitions` or `over_targets`


@dataclass(frozen=True)
class Verdict:
    """One attacker's success, over all repetitions.

    Attributes:
        metrics: by name, in the order in which they are shown.
        curves: what plots are made from: columns of numbers, by table.
        points: success at each budget, where there are several; the last is `metrics`.
        images: what became of each image: columns of `scores.csv.gz`, of one length.
        compared: the figures that attackers are compared by, image by image.
    """

    name: str
    knowledge: Knowledge
    metrics: dict[str, Measurement]
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    points: Sequence[Point] = ()
    images: Columns = field(default_factory=dict)
    compared: dict[str, ByImage] = field(default_factory=dict)


def judge_extraction(extraction: Extraction, judged: Judged) -> list[Verdict]:
    """Compare surrogates with the target on every image judged, and on those that were never asked about.

    The verdict is that at the largest budget; `points` has one for each budget.
    """
    test = judged.images
    pixels = test.pixels()
    target = judged.log_probabilities.numpy().astype(np.float64)
    labels, named_by_target = test.labels.numpy(), target.argmax(axis=1)
    names, places = test.names, Places([test.names] * len(extraction.asked))
    digests_asked = [digests(asked.images) for asked in extraction.asked]
    points: list[list[Point]] = [[] for _ in extraction.attackers]
    images: list[list[Columns]] = [[] for _ in extraction.attackers]
    for budget, surrogates in extraction.curve:
        known = [set(asked[:budget]) for asked in digests_asked]
        queried = [np.array([digest in asked for digest in test.digests], dtype=bool) for asked in known]
        for place, (answers, losses) in enumerate(
            zip(surrogates.predict(pixels).numpy(), surrogates.final_losses.numpy(), strict=True)
        ):
            named = list(answers.argmax(axis=2))
            kl = [metrics.kl_divergence(target, one.astype(np.float64)) for one in answers] if judged.scores else None
            tally = tally_extraction(places, named, named_by_target, labels, queried, kl)
            for loss in losses:
                tally.add("training_loss", metrics.mean(loss))
            points[place].append(Point(budget=budget, metrics=tally.figures(), compared=tally.compared()))
            images[place].extend(
                {
                    "repetition": np.full(len(names), number),
                    "budget": np.full(len(names), budget),
                    "image": names,
                    "label": labels,
                    "target_class": named_by_target,
                    "surrogate_class": named[number],
                    "queried": queried[number],
                    "kl": np.full(len(names), np.nan) if kl is None else kl[number],
                }
                for number in range(len(answers))
            )
    return [
        Verdict(
            name,
            knowledge,
            curve[-1].metrics,
            points=curve,
            images=_stacked(columns),
            compared=curve[-1].compared,
        )
        for (name, knowledge), curve, columns in zip(extraction.attackers, points, images, strict=True)
    ]


def judge_membership(
    inferences: Sequence[Sequence[Inference]],
    memberships: Sequence[Bool[np.ndarray, " u"]],
    images: Sequence[LabelledImages],
    *,
    targets: bool = False,
) -> list[Verdict]:
    """Compare each attacker's scores and decisions with who was a member.

    Args:
        inferences: by repetition, then by attacker.
        memberships: the truth, by repetition.
        images: who was asked about, by repetition.
        targets: whether repetitions are models attacked in turn.
    """
    verdicts = []
    names = [asked.names for asked in images]
    places = Places(names)
    for attacker in zip(*inferences, strict=True):
        first, scores = attacker[0], [one.scores for one in attacker]
        decisions = [one.decisions for one in attacker]
        tally = tally_membership(
            scores, decisions, memberships, places, targets=targets, cross_fitted=first.cross_fitted
        )
        curves = {"roc": _mean_roc(scores, memberships), "histograms": _histogram(scores, memberships)}
        columns = _stacked(
            [
                {
                    "repetition": np.full(len(names[number]), 0 if targets else number),
                    "target": np.full(len(names[number]), number if targets else 0),
                    "image": names[number],
                    "member": membership,
                    "score": scores[number],
                    "decision": decisions[number],
                }
                for number, membership in enumerate(memberships)
            ]
        )
        verdicts.append(
            Verdict(first.name, first.knowledge, tally.figures(), curves, images=columns, compared=tally.compared())
        )
    return verdicts


def judge_defence(
    sessions: Sequence[Callable[[Tensor, Tensor], Tensor]],
    test: LabelledImages,
    log_probabilities: Sequence[Float[Tensor, "n classes"]],
) -> tuple[dict[str, Measurement], float]:
    """Measure what honest users pay.

    Args:
        sessions: an honest user's, with each target's defence.
        log_probabilities: what each target says of the test part.

    Returns:
        Accuracy, share of changed labels, mean L1 distance to the true probabilities and calibration error by name; and
        the defence's microseconds per image, for a batch of the whole test part.
    """
    pixels, labels = test.pixels(), test.labels
    costs, seconds = [], 0.0
    for defend, truth in zip(sessions, log_probabilities, strict=True):
        started = time.perf_counter()
        response = defend(truth, pixels)
        seconds += time.perf_counter() - started
        named = response.argmax(dim=1)
        distance = (response.exp() - truth.exp()).abs().sum(dim=1)
        costs.append(
            {
                "test_accuracy": metrics.proportion((named == labels).numpy()),
                "labels_changed": metrics.proportion((named != truth.argmax(dim=1)).numpy()),
                "l1": metrics.mean(distance.double().numpy(), lowest=0.0),
                "calibration": metrics.calibration_error(
                    response.double().exp().amax(dim=1).clamp(max=1.0).numpy(), (named == labels).numpy()
                ),
            }
        )
    microseconds = 1e6 * seconds / (len(test) * len(costs))
    return (costs[0] if len(costs) == 1 else combine(costs, metrics.over_targets)), microseconds


def _stacked(tables: Sequence[Columns]) -> Columns:
    """Return tables of the same columns as one."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def combine(
    repetitions: Sequence[dict[str, Measurement]], average: Average = metrics.over_repetitions
) -> dict[str, Measurement]:
    unbounded = ("kl", "training_loss", "l1")
    return {name: average([one[name] for one in repetitions], bounded=name not in unbounded) for name in repetitions[0]}


def _mean_roc(
    scores: Sequence[Float[np.ndarray, " u"]], memberships: Sequence[Bool[np.ndarray, " u"]]
) -> dict[str, list[float]]:
    """Average the true positive rate over repetitions, at false positive rates evenly spaced on a log axis."""
    grid = np.concatenate([[0.0], np.logspace(-4, 0, 161)])
    rates = []
    for score, membership in zip(scores, memberships, strict=True):
        fpr, tpr, _ = metrics.roc(score, membership)
        rates.append(np.interp(grid, fpr, tpr))  # a tie is a straight line; upright steps count by their upper end
    return {"fpr": grid.tolist(), "tpr": np.mean(rates, axis=0).tolist()}


def _histogram(
    scores: Sequence[Float[np.ndarray, " u"]], memberships: Sequence[Bool[np.ndarray, " u"]]
) -> dict[str, list[float]]:
    """Count members and non-members of all repetitions in 50 bins of their score."""
    every, membership = np.concatenate(scores), np.concatenate(memberships)
    # A few scores far out would leave all others in one bin: they are counted in the outermost ones.
    low, high = np.quantile(every, [0.001, 0.999])
    edges = np.linspace(low, high if high > low else low + 1.0, 51)
    clipped = every.clip(edges[0], edges[-1])
    return {
        "low": edges[:-1].tolist(),
        "high": edges[1:].tolist(),
        "members": np.histogram(clipped[membership], edges)[0].tolist(),
        "nonmembers": np.histogram(clipped[~membership], edges)[0].tolist(),
    }
