"""The judges: one per kind of attack. They hold the truth that no attack is given, and turn what an
attack came to into numbers with intervals.
"""

import itertools
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
from privattack.results.result import Found, Pair, Point

Average = Callable[..., Measurement]  # `over_repetitions` or `over_targets`


@dataclass(frozen=True)
class Verdict:
    """One attacker's success, over all repetitions.

    Attributes:
        metrics: by name, in the order in which they are shown.
        curves: what plots are made from: columns of numbers, by table.
        points: success at each budget, where there are several; the last is `metrics`.
    """

    name: str
    knowledge: Knowledge
    metrics: dict[str, Measurement]
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    points: Sequence[Point] = ()


def judge_extraction(
    extraction: Extraction,
    test: LabelledImages,
    target_log_probabilities: Float[Tensor, "n classes"],
) -> list[Verdict]:
    """Compare surrogates with the target on every test image, and on those that were never asked about.

    The verdict is that at the largest budget; `points` has one for each budget.
    """
    pixels = test.pixels()
    target = target_log_probabilities.numpy().astype(np.float64)
    labels = test.labels.numpy()
    right = target.argmax(axis=1) == labels
    digests_asked = [digests(asked.images) for asked in extraction.asked]
    points: list[list[Point]] = [[] for _ in extraction.attackers]
    for budget, surrogates in extraction.curve:
        known = [set(asked[:budget]) for asked in digests_asked]
        queried = [np.array([digest in asked for digest in test.digests], dtype=bool) for asked in known]
        for place, (answers, losses) in enumerate(
            zip(surrogates.predict(pixels).numpy(), surrogates.final_losses.numpy(), strict=True)
        ):
            repetitions = []
            for answer, seen, loss in zip(answers, queried, losses, strict=True):
                named = answer.argmax(axis=1)
                agrees = named == target.argmax(axis=1)
                correct = named == labels
                repetitions.append(
                    {
                        "fidelity": metrics.proportion(agrees),
                        "fidelity_unqueried": metrics.proportion(agrees[~seen]),
                        "accuracy": metrics.proportion(correct),
                        "accuracy_unqueried": metrics.proportion(correct[~seen]),
                        "fidelity_target_right": metrics.proportion(agrees[right]),
                        "fidelity_target_wrong": metrics.proportion(agrees[~right]),
                        "kl": metrics.mean_kl_divergence(target, answer.astype(np.float64)),
                        "training_loss": metrics.mean(loss),
                    }
                )
            points[place].append(Point(budget=budget, metrics=_combine(repetitions)))
    return [
        Verdict(name, knowledge, curve[-1].metrics, points=curve)
        for (name, knowledge), curve in zip(extraction.attackers, points, strict=True)
    ]


FALSE_POSITIVE_RATES = (0.1, 0.01, 0.001)
PRIORS = (0.01, 0.1, 0.5)


def judge_membership(
    inferences: Sequence[Sequence[Inference]],
    memberships: Sequence[Bool[np.ndarray, " u"]],
    *,
    average: Average = metrics.over_repetitions,
) -> list[Verdict]:
    """Compare each attacker's scores and decisions with who was a member.

    Args:
        inferences: by repetition, then by attacker.
        memberships: the truth, by repetition.
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
        combined = _combine(repetitions, average) | {
            f"tpr_at_fpr_{rate:g}": metrics.tpr_over_repetitions(scores, memberships, rate, average=average)
            for rate in FALSE_POSITIVE_RATES
        }
        curves = {"roc": _mean_roc(scores, memberships), "histograms": _histogram(scores, memberships)}
        verdicts.append(Verdict(first.name, first.knowledge, combined, curves))
    return verdicts


def judge_overlap(
    inferences: Sequence[Sequence[Inference]],
    memberships: Sequence[Bool[np.ndarray, " n"]],
    *,
    average: Average = metrics.over_repetitions,
    fpr: float = 0.01,
) -> Found | None:
    """Say which members each querying attacker finds at a false positive rate, and what they find together.

    Args:
        inferences: by repetition, then by attacker.
        memberships: the truth, by repetition.

    Returns:
        What they find; None where fewer than two attackers query, or where there are too few
        non-members for the rate.
    """
    names = [inference.name for inference in inferences[0] if inference.knowledge is not Knowledge.BLIND]
    fewest = min(int(np.count_nonzero(~membership)) for membership in memberships)
    if len(names) < 2 or fewest * fpr < 10:
        return None
    shares: list[dict[str, Measurement]] = []
    overlaps: dict[tuple[str, str], list[float]] = {pair: [] for pair in itertools.combinations(names, 2)}
    for attackers, membership in zip(inferences, memberships, strict=True):
        accused, falsely = {}, np.zeros(len(membership), dtype=bool)
        for one in attackers:
            if one.name in names:
                least = metrics.threshold_at_fpr(one.scores, membership, fpr)
                accused[one.name] = one.scores > least
                # These non-members set the threshold, and another would pass it more often: so the one on it counts.
                on_it = ~membership & (one.scores == least)
                falsely |= (accused[one.name] & ~membership) | (on_it if np.count_nonzero(on_it) == 1 else False)
        anyone = np.any(list(accused.values()), axis=0)
        shares.append(
            {name: metrics.proportion(accused[name][membership]) for name in names}
            | {"any": metrics.proportion(anyone[membership]), "any_fpr": metrics.proportion(falsely[~membership])}
        )
        for (first, second), found in overlaps.items():
            either = np.count_nonzero((accused[first] | accused[second]) & membership)
            if either:
                found.append(np.count_nonzero(accused[first] & accused[second] & membership) / either)
    combined = _combine(shares, average)
    return Found(
        fpr=fpr,
        attackers={name: combined[name] for name in names},
        any=combined["any"],
        any_fpr=combined["any_fpr"],
        pairs=[
            Pair(first=first, second=second, jaccard=float(np.mean(found)) if found else None)
            for (first, second), found in overlaps.items()
        ],
    )


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
    return (costs[0] if len(costs) == 1 else _combine(costs, metrics.over_targets)), microseconds


def _combine(
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
