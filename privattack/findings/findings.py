"""Findings: what results say, computed from their intervals, the weightiest first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from privattack.findings import contests as contest_sentences
from privattack.findings import extraction as say
from privattack.findings import membership, privacy
from privattack.findings.architectures import architecture_worth
from privattack.findings.budgets import budgets_worth
from privattack.findings.frontier import fronts
from privattack.findings.pools import overlaps
from privattack.findings.sanity import has_learnt, learnt_nothing, shadows_differ
from privattack.findings.subjects import Finding, Subject, aloud, joined
from privattack.findings.watching import monitor_sees
from privattack.results.contests import conditions, contests
from privattack.results.frontier import NO_DEFENCE, frontiers
from privattack.results.naming import attributes, below, flat, label, shown, varying
from privattack.results.result import Result, Run

# What runs may differ in and still share a sentence, and how it says of which others it holds.
SHARED = {
    "attack": "for {}", "defence": "for {}", "budget": "at {} queries", "seed": "with seed {}",
    "repetitions": "with {} repetitions", "targets": "over {} targets",
}  # fmt: skip
LISTED = 5  # others that are named
# What a sentence is said of: all that a run is, or settings that others cannot change.
EVERYTHING: tuple[str, ...] = ()
DEFENCE = ("defence", "data", "target")
TARGET = ("data", "target")
DATA_SETS = ("data", "nonmembers", "as_stored")

# By weight: the condition and its sentence, and what a sentence is said of.
Rule = tuple[Callable[[Subject], Finding | None], tuple[str, ...]]
BROKEN: Rule = (learnt_nothing, TARGET)
FIRST: Rule = (membership.data_sets_differ, DATA_SETS)
RULES: tuple[Rule, ...] = (
    (privacy.epsilon_refuted, EVERYTHING),
    (privacy.epsilon_at_least, EVERYTHING),
    (say.defence_costs, EVERYTHING),
    (say.published_learns_nothing, EVERYTHING),
    (say.published_underrates, EVERYTHING),
    (membership.membership_leaks, EVERYTHING),
    (membership.surrogate_betrays, EVERYTHING),
    (membership.attacks_stand_out, EVERYTHING),
    (membership.attacks_together, EVERYTHING),
    (say.service_gives_nothing, EVERYTHING),
    (membership.nothing_leaks, EVERYTHING),
    (monitor_sees, EVERYTHING),
    (say.labels_change, DEFENCE),
    (say.probabilities_change, DEFENCE),
    (say.against_the_study, EVERYTHING),
    (say.service_gives, EVERYTHING),
)


def findings(results: Sequence[Result]) -> list[str]:
    """Return what results say, one sentence each.

    Results that differ in attack, defence, budget, seed, repetitions or targets alone share a sentence where they come
    out alike: that of the strongest, which says for which others it holds.

    Args:
        results: one or more.
    """
    varied = varying(result.run for result in results)
    # Nothing is said of attacks on a target that learnt nothing.
    broken = _said((BROKEN,), _subjects([one for one in results if not has_learnt(one)]), varied)
    results = [one for one in results if has_learnt(one)]
    subjects = _subjects(results)
    compared = contests(results)
    return [
        *broken,
        *_said((FIRST, (shadows_differ, EVERYTHING)), subjects, varied),
        *contest_sentences.winners(compared),
        *contest_sentences.against_random(compared),
        *budgets_worth(results),
        *fronts(frontiers(results)),
        *privacy.beaten(results),
        *overlaps(results),
        *architecture_worth(results),
        *_said(RULES, subjects, varied),
    ]


def _said(rules: Sequence[Rule], subjects: Sequence[Subject], varied: Sequence[str]) -> list[str]:
    found: list[str] = []
    for rule, about in rules:
        named = [name for name in varied if not about or below(name, about)]
        groups: dict[str, list[tuple[Run, Finding | None]]] = {}
        for subject in subjects:
            run = subject.result.run
            alike = label(run, [name for name in named if name not in SHARED and not below(name, ("defence",))])
            groups.setdefault(alike, []).append((run, rule(subject)))
        merged = [finding for group in groups.values() for finding in _merged(group, named)]
        found += [finding.sentence for finding in sorted(merged, key=lambda one: -one.strength)]
    return found


def _merged(group: Sequence[tuple[Run, Finding | None]], named: Sequence[str]) -> Iterator[Finding]:
    """Yield for each verdict the strongest finding, with the runs that share it."""
    held = [(run, finding) for run, finding in group if finding is not None]
    for verdict in dict.fromkeys(finding.verdict for _, finding in held):
        alike = [(run, finding) for run, finding in held if finding.verdict == verdict]
        run, strongest = max(alike, key=lambda one: one[1].strength)
        others = [other for other, finding in alike if finding is not strongest]
        sentence = _placed(run, strongest.sentence, named) + (_also(run, others, named) if others else "")
        yield replace(strongest, sentence=sentence)


def _also(run: Run, others: Sequence[Run], named: Sequence[str]) -> str:
    """Say for which other runs the same holds: by the one setting in which they differ, or their number."""
    apart = [name for name in varying([run, *others]) if name in named]
    if not apart:
        return ""
    places = [*dict.fromkeys(aloud(label(other, apart)) for other in others)]
    if len(apart) == 1:
        (name,) = apart
        places = [*dict.fromkeys(aloud(shown(name, attributes(other).get(name))) for other in others)]
        phrase = SHARED.get(name, f"with {name} {{}}")
    elif all(below(name, ("defence",)) for name in apart):
        phrase = SHARED["defence"]
    else:
        return f" The same holds in {len(others)} more run{'s' * (len(others) > 1)}."
    if len(places) > LISTED:
        places = [*places[: LISTED - 1], f"{len(places) - LISTED + 1} more"]
    return f" The same holds {phrase.format(joined(places))}."


def _placed(run: Run, sentence: str, named: Sequence[str]) -> str:
    """Put before a sentence which run it is of, as far as it does not say so itself."""
    told, defence = set(), attributes(run)["defence"]
    if defence != "none" and f" {defence} " in f" {sentence} ":
        told.add("defence")
    if f"{run.budget:,} queries" in sentence:
        told.add("budget")
    if f"over {run.targets} targets," in sentence:
        told.add("targets")
    if which := label(run, [name for name in named if name not in told]):
        return f"{aloud(which)}: {sentence}"
    return sentence if sentence.startswith(defence) else sentence[0].upper() + sentence[1:]


def _subjects(results: Sequence[Result]) -> list[Subject]:
    """Find to each result with a defence the one without."""
    shared = [conditions(result, lambda name: below(name, ("defence",))) for result in results]
    without = {alike: result for alike, result in zip(shared, results, strict=True) if _undefended(result)}
    return [
        Subject(result, None if _undefended(result) else without.get(alike))
        for alike, result in zip(shared, results, strict=True)
    ]


def _undefended(result: Result) -> bool:
    return flat(result.run.config).get("defence._target_") == NO_DEFENCE
