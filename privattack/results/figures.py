"""What sentences, tables and plots ask of results: the best attackers, and figures with their intervals."""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

from privattack.measurement import Measurement
from privattack.results.result import Attacker, Result

QUERYING = ("published", "adaptive")
LOW_RATE = "tpr_at_fpr_0.01"
FEW = 3  # attackers that a table's cell, or a plot for each, has room for
# A metric's words in sentences and plots, and what a coin reaches.
WORDS = {LOW_RATE: "TPR at 1 % FPR", "auc": "AUC"}
CHANCE = {"accuracy": 0.5, "auc": 0.5, LOW_RATE: 0.01}


def metric_words(metric: str) -> str:
    """Return what a metric is called in tables and plots."""
    return WORDS.get(metric, metric.replace("_", ", "))


def ranking_metric(attackers: Sequence[Attacker]) -> str:
    """Return the metric that attackers are ranked by.

    Fidelity; of membership inference the TPR at 1 % FPR where it is given for all, AUC otherwise.
    """
    if attackers and all(one.figure(LOW_RATE).given for one in attackers):
        return LOW_RATE
    if any(one.figure("auc").given for one in attackers):
        return "auc"
    return attackers[0].headline if attackers else "accuracy"


def ranked(attackers: Sequence[Attacker], metric: str | None = None) -> list[Attacker]:
    """Return attackers, the best first, by the ranking metric or by another; those without a figure come last."""
    metric = metric or ranking_metric(attackers)
    return sorted(attackers, key=lambda one: _height(one, metric), reverse=True)


def compared_by(*results: Result) -> str:
    """Return the metric by which attacks on several services are compared: where one is published, as it was then."""
    attackers = [one for result in results for one in result.attackers]
    published = next((one for one in attackers if one.knowledge == "published"), None)
    return published.headline if published else ranking_metric(attackers)


def best(result: Result, *knowledge: str, metric: str | None = None) -> Attacker | None:
    """Return the attacker with the highest figure among those of some knowledge; None where there is none.

    `metric` is that of `compared_by` by default. Attackers for whom it could not be given do not count.
    """
    metric = metric or compared_by(result)
    candidates = [one for one in result.having(*knowledge) if one.figure(metric).given]
    return max(candidates, key=lambda one: _height(one, metric), default=None)


def headline_figure(result: Result) -> float | None:
    """Return the one figure that stands for a run: of the strongest attacker who queries, by the ranking metric.

    Fidelity for an extraction; TPR at 1 % FPR, else AUC, for membership inference: the higher, the better the attack.
    None where it could not be given.
    """
    attackers = result.having(*QUERYING) or result.attackers
    metric = ranking_metric(attackers)
    return ranked(attackers, metric)[0].figure(metric).value


def has_many(result: Result) -> bool:
    """Say whether there are so many attackers of one knowledge that they are ranked and the best stand for all."""
    return any(len(result.having(knowledge)) > FEW for knowledge in QUERYING)


def _height(attacker: Attacker, metric: str) -> float:
    value = attacker.figure(metric).value
    return float("-inf") if value is None else value


def exceeds_chance(attacker: Attacker, metric: str, attackers: int = 1) -> bool:
    """Say whether an attacker, the best of several, does better than a coin, by the lower end of its interval."""
    measured = attacker.figure(metric)
    return measured.given and widened(measured, attackers).known.low > chance(metric, measured.n)


def widened(measured: Measurement, comparisons: int) -> Measurement:
    """Return a figure with an interval that holds for several figures at once.

    By Bonferroni's correction, with the quantiles of a normal distribution.
    """
    value, low, high = measured.known
    factor = _quantile(comparisons) / _quantile(1)
    return replace(measured, low=value - factor * (value - low), high=value + factor * (high - value))


def chance(metric: str, n: int) -> float:
    """Return what a coin comes to: at a low rate a hair more, as n non-members set the threshold."""
    return (math.floor(CHANCE[metric] * n) + 1) / (n + 1) if metric == LOW_RATE else CHANCE[metric]


def _quantile(comparisons: int) -> float:
    return NormalDist().inv_cdf(1 - 0.025 / comparisons)


def share(measurement: Measurement) -> str:
    """Return a share with its interval: `89.7 % [88.9, 90.4]`."""
    value, low, high = (100 * figure for figure in measurement.known)
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def plain(measurement: Measurement) -> str:
    """Return a number with its interval: `0.50 [0.49, 0.51]`."""
    return "{:.2f} [{:.2f}, {:.2f}]".format(*measurement.known)


def worded(measurement: Measurement, metric: str) -> str:
    """Return a figure with its interval, as its metric is written: a share, or AUC's number."""
    return plain(measurement) if metric == "auc" else share(measurement)


def apart(gap: Measurement, metric: str = "") -> str:
    """Return a difference with its interval: `18.1 points [16.0, 20.2]`, or `0.18 [0.16, 0.20]` of AUC."""
    if metric == "auc":
        return plain(gap)
    value, low, high = (100 * figure for figure in gap.known)
    return f"{value:.1f} points [{low:.1f}, {high:.1f}]"
