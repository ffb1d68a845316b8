"""Findings: what results say, computed from their intervals, the weightiest first."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
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

    Results that differ in budget, seed or repetitions alone share a sentence where they come out alike: that
    of the strongest, with the number of those for which it holds.

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
        named = [name for name in varied if name in names]
        merged = [finding for group in groups.values() for finding in _merged(group, named)]
        found += [finding.sentence for finding in sorted(merged, key=lambda one: -one.strength)]
    return found


def _merged(group: Sequence[tuple[Mapping[str, Any], Finding | None]], named: Sequence[str]) -> Iterator[Finding]:
    """Yield for each verdict the strongest finding, with the number of runs that share it."""
    held = [(run, finding) for run, finding in group if finding is not None]
    for verdict in dict.fromkeys(finding.verdict for _, finding in held):
        alike = [(run, finding) for run, finding in held if finding.verdict == verdict]
        run, strongest = max(alike, key=lambda one: one[1].strength)
        sentence = _placed(run, strongest.sentence, named)
        if len(group) > 1:
            share = "all" if len(alike) == len(group) else f"{len(alike)} of"
            sentence += f" (So in {share} {len(group)} such runs.)"
        yield replace(strongest, sentence=sentence)


def _placed(run: Mapping[str, Any], sentence: str, named: Sequence[str]) -> str:
    """Put before a sentence which run it is of, as far as it does not say so itself."""
    told = set()
    if run["defence"] != "none" and run["defence"] in sentence.split():
        told.add("defence")
    if f"{run['budget']:,} queries" in sentence:
        told.add("budget")
    if which := label(run, [name for name in named if name not in told]):
        return f"{which}: {sentence}"
    return sentence if sentence.startswith(run["defence"]) else sentence[0].upper() + sentence[1:]


def _subjects(results: Sequence[Result]) -> list[Subject]:
    """Find to each result with a defence the one without."""
    without = {_settings(result): result for result in results if result["run"]["defence"] == "none"}
    return [
        Subject(result, without.get(_settings(result)) if result["run"]["defence"] != "none" else None)
        for result in results
    ]


def _settings(result: Result) -> str:
    """Return what two runs must share, the very target included, for their difference to be the defence's."""

    def material(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {name: material(value) for name, value in node.items() if name not in IMMATERIAL}
        return node

    return json.dumps([material(result["run"]), result["target"]["fingerprint"]], sort_keys=True, default=str)
