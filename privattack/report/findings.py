"""Findings: what results say, computed from their intervals, the weightiest first."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from privattack.report import sentences as say
from privattack.report.results import FIELDS, Result, label, varying
from privattack.report.sentences import Finding, Subject

# Settings in which runs with and without a defence may differ and still be compared.
IMMATERIAL = {"defence", "store", "verbose", "trainer", "accelerator", "progress", "root", "download", "verify"}

# What runs may differ in and still share a sentence.
REPEATED = ("budget", "seed", "repetitions")
DEFENCE = ("defence", "data", "target")
DATA_SETS = ("data", "nonmembers", "as_stored")

# By weight: the condition and its sentence, and what a sentence is said of.
RULES: tuple[tuple[Callable[[Subject], Finding | None], tuple[str, ...]], ...] = (
    (say.data_sets_differ, DATA_SETS),
    (say.defence_costs, FIELDS),
    (say.published_learns_nothing, FIELDS),
    (say.published_underrates, FIELDS),
    (say.membership_leaks, FIELDS),
    (say.service_gives_nothing, FIELDS),
    (say.nothing_leaks, FIELDS),
    (say.labels_change, DEFENCE),
    (say.probabilities_change, DEFENCE),
    (say.against_the_study, FIELDS),
    (say.service_gives, FIELDS),
)


def findings(results: Sequence[Result]) -> list[str]:
    """Return what results say, one sentence each.

    Results that differ in budget, seed or repetitions alone share a sentence: that of the strongest, with
    the number of those for which it holds.

    Args:
        results: contents of `result.json`, one or more; each needs `run`, `target`, `service` and `attackers`.
    """
    varied = varying(result["run"] for result in results)
    subjects = _subjects(results)
    found: list[str] = []
    for rule, names in RULES:
        groups: dict[str, list[tuple[Mapping[str, Any], Finding | None]]] = {}
        for subject in subjects:
            run = subject.result["run"]
            alike = label(run, [name for name in names if name not in REPEATED])
            groups.setdefault(alike, []).append((run, rule(subject)))
        merged = [_merge(group, [name for name in varied if name in names]) for group in groups.values()]
        held = sorted((one for one in merged if one is not None), key=lambda one: -one.strength)
        found += [one.sentence for one in held]
    return found


def _merge(group: Sequence[tuple[Mapping[str, Any], Finding | None]], named: Sequence[str]) -> Finding | None:
    held = [(run, finding) for run, finding in group if finding is not None]
    if not held:
        return None
    run, strongest = max(held, key=lambda one: one[1].strength)
    sentence = strongest.sentence
    told = set()
    if run["defence"] != "none" and run["defence"] in sentence.split():
        told.add("defence")
    if f"{run['budget']:,} queries" in sentence:
        told.add("budget")
    if which := label(run, [name for name in named if name not in told]):
        sentence = f"{which}: {sentence}"
    elif not sentence.startswith(run["defence"]):
        sentence = sentence[0].upper() + sentence[1:]
    if len(group) > 1:
        alike = sum(finding.verdict == strongest.verdict for _, finding in held)
        share = "all" if alike == len(group) else f"{alike} of"
        sentence += f" (So in {share} {len(group)} such runs.)"
    return Finding(strongest.strength, sentence)


def _subjects(results: Sequence[Result]) -> list[Subject]:
    """Find to each result with a defence the one without."""
    without = {_settings(result["run"]): result for result in results if result["run"]["defence"] == "none"}
    return [
        Subject(result, without.get(_settings(result["run"])) if result["run"]["defence"] != "none" else None)
        for result in results
    ]


def _settings(run: Mapping[str, Any]) -> str:
    def material(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {name: material(value) for name, value in node.items() if name not in IMMATERIAL}
        return node

    return json.dumps(material(run), sort_keys=True, default=str)
