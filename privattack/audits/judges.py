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
from privattack.data.images import LabelledImages, digests
from privattack.metrics import Measurement
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
    """

    name: str
    knowledge: Knowledge
    metrics: dict[str, Measurement]
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    points: Sequence[Point] = ()
    images: Columns = field(default_factory=dict)


def judge_extraction(extraction: Extraction, judged: Judged) -> list[Verdict]:
    """Compare surrogates with the target on every image judged, and on those that were never asked about.

    The verdict is that at the largest budget; `points` has one for each budget.
    """
    test = judged.images
    pixels = test.pixels()
    target = judged.log_probabilities.numpy().astype(np.float64)
    labels, named_by_target = test.labels.numpy(), target.argmax(axis=1)
    right, names = named_by_target == labels, test.names
    digests_asked = [digests(asked.images) for asked in extraction.asked]
    points: list[list[Point]] = [[] for _ in extraction.attackers]
    images: list[list[Columns]] = [[] for _ in extraction.attackers]
    for budget, surrogates in extraction.curve:
        known = [set(asked[:budget]) for asked in digests_asked]
        queried = [np.array([digest in asked for digest in test.digests], dtype=bool) for asked in known]
        for place, (answers, losses) in enumerate(
            zip(surrogates.predict(pixels).numpy(), surrogates.final_losses.numpy(), strict=True)
        ):
            repetitions = []
            for number, (answer, seen, loss) in enumerate(zip(answers, queried, losses, strict=True)):
                named = answer.argmax(axis=1)
                agrees, correct = named == named_by_target, named == labels
                kl = metrics.kl_divergence(target, answer.astype(np.float64))
                repetitions.append(
                    {
                        "fidelity": metrics.proportion(agrees),
                        "fidelity_unqueried": metrics.proportion(agrees[~seen]),
                        "accuracy": metrics.proportion(correct),
                        "accuracy_unqueried": metrics.proportion(correct[~seen]),
                        "fidelity_target_right": metrics.proportion(agrees[right]),
                        "fidelity_target_wrong": metrics.proportion(agrees[~right]),
                        "kl": metrics.mean_kl_divergence(kl)
                        if judged.scores
                        else Measurement.missing(len(test), "the victim tells no probabilities"),
                        "training_loss": metrics.mean(loss),
                    }
                )
                images[place].append(
                    {
                        "repetition": np.full(len(names), number),
                        "budget": np.full(len(names), budget),
                        "image": names,
                        "label": labels,
                        "target_class": named_by_target,
                        "surrogate_class": named,
                        "queried": seen,
                        "kl": kl if judged.scores else np.full(len(names), np.nan),
                    }
                )
            points[place].append(Point(budget=budget, metrics=combine(repetitions)))
    return [
        Verdict(name, knowledge, curve[-1].metrics, points=curve, images=_stacked(columns))
        for (name, knowledge), curve, columns in zip(extraction.attackers, points, images, strict=True)
    ]


FALSE_POSITIVE_RATES = (0.1, 0.01, 0.001)
PRIORS = (0.01, 0.1, 0.5)


def judge_membership(
    inferences: Sequence[Sequence[Inference]],
    memberships: Sequence[Bool[np.ndarray, " u"]],
    images: Sequence[LabelledImages],
    *,
    average: Average = metrics.over_repetitions,
) -> list[Verdict]:
    """Compare each attacker's scores and decisions with who was a member.

    Args:
        inferences: by repetition, then by attacker.
        memberships: the truth, by repetition.
        images: who was asked about, by repetition.
        average: combines repetitions.
    """
    verdicts = []
    for attacker in zip(*inferences, strict=True):
        repetitions = []
        for inference, membership in zip(attacker, memberships, strict=True):
            scored, decisions = inference.scores, inference.decisions
            repetitions.append(
                {
                    "accuracy": metrics.attack_accuracy(decisions, membership),
                    "balanced_accuracy": metrics.balanced_accuracy(decisions, membership),
                    "auc": metrics.auc(scored, membership),
                    **{f"ppv_at_prior_{p:g}": metrics.ppv(decisions, membership, p) for p in PRIORS},
                }
            )
        first = attacker[0]
        scores = [inference.scores for inference in attacker]
        combined = combine(repetitions, average) | {
            f"tpr_at_fpr_{rate:g}": metrics.tpr_over_repetitions(scores, memberships, rate, average=average)
            for rate in FALSE_POSITIVE_RATES
        }
        curves = {"roc": _mean_roc(scores, memberships), "histograms": _histogram(scores, memberships)}
        columns = _stacked(
            [
                {
                    "repetition": np.full(len(asked), 0 if average is metrics.over_targets else number),
                    "target": np.full(len(asked), number if average is metrics.over_targets else 0),
                    "image": asked.names,
                    "member": membership,
                    "score": inference.scores,
                    "decision": inference.decisions,
                }
                for number, (inference, membership, asked) in enumerate(zip(attacker, memberships, images, strict=True))
            ]
        )
        verdicts.append(Verdict(first.name, first.knowledge, combined, curves, images=columns))
    return verdicts


def judge_defence(
    defend: Callable[[Tensor, Tensor], Tensor],
    test: LabelledImages,
    log_probabilities: Sequence[Float[Tensor, "n classes"]],
) -> tuple[dict[str, Measurement], float]:
    """Measure what honest users pay.

    Args:
        log_probabilities: what each target says of the test part.

    Returns:
        Accuracy, share of changed labels and mean L1 distance to the true probabilities by name; and the defence's
        microseconds per image, for a batch of the whole test part.
    """
    pixels, labels = test.pixels(), test.labels
    costs, seconds = [], 0.0
    for truth in log_probabilities:
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
        # The curve is a staircase of achievable points: between two of them the attacker has the lower one.
        rates.append(tpr[np.searchsorted(fpr, grid, side="right") - 1])
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
