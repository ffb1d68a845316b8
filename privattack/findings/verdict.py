"""The verdict: what was tested, against whom, what came out, in five lines at most; and the weightiest caveat."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from privattack.findings.membership import data_sets_differ, membership_leaks, nothing_leaks
from privattack.findings.pools import overlaps
from privattack.findings.sanity import has_learnt, shadows_differ
from privattack.findings.subjects import Subject, joined
from privattack.results.differences import difference, is_clear
from privattack.results.figures import QUERYING, apart, best, share
from privattack.results.naming import attributes, count
from privattack.results.result import Attacker, Result

NAMED = 3  # of a list, before the others are counted
NO_PROOF = "A low figure is no proof of privacy: it says that these attackers, at these budgets, found nothing."


@dataclass(frozen=True)
class Verdict:
    """Lines that a manager reads, and the caveat that matters most; None where there is none."""

    lines: Sequence[str]
    caveat: str | None


def verdict(results: Sequence[Result]) -> Verdict:
    """Return the verdict on one result or on several: the worst of them decides."""
    sound = [one for one in results if has_learnt(one)]
    lines = [_tested(results), _attackers(results)]
    if not sound:
        return Verdict([*lines, "Verdict: none, for the target has learnt nothing."], None)
    membership, extraction = _membership(sound), _extraction(sound)
    lines += [line for line in (extraction, membership) if line]
    if claims := Counter(one.state for result in results for one in result.claims):
        lines.append(f"Claims: {', '.join(f'{number} {state}' for state, number in sorted(claims.items()))}.")
    return Verdict(lines, _caveat(sound))


def _tested(results: Sequence[Result]) -> str:
    targets = dict.fromkeys(f"{attributes(one.run)['target']} ({one.run.data})" for one in results)
    defences = dict.fromkeys(str(attributes(one.run)["defence"]) for one in results)
    return f"Tested: {_few(targets)}; defence: {_few(defences)}."


def _attackers(results: Sequence[Result]) -> str:
    attacks = dict.fromkeys(one.run.attack for one in results)
    querying = {(one.run.attack, attacker.name) for one in results for attacker in one.having(*QUERYING)}
    return (
        f"Against: {_few(attacks)}; {len(querying)} attacker{'s' * (len(querying) != 1)} who may ask about "
        f"{count(max(one.run.budget for one in results))} images."
    )


def _extraction(results: Sequence[Result]) -> str | None:
    """Say what the best surrogate is worth, and what of it the answers are."""
    found: list[tuple[float, Attacker, Result]] = []
    for result in results:
        strongest = best(result, *QUERYING, metric="fidelity")
        if strongest is not None:
            found.append((strongest.figure("fidelity").known.value, strongest, result))
    if not found:
        return None
    _, strongest, result = max(found, key=lambda one: one[0])
    fidelity, floor = strongest.figure("fidelity"), best(result, "no_query", metric="fidelity")
    said = (
        f"Extraction: a surrogate agrees with the target on {share(fidelity)} of the images ({_where(result, results)})"
    )
    if floor is None:
        return f"{said}."
    gap = difference(strongest, floor, "fidelity", comparisons=len(result.having(*QUERYING)))
    worth = f"the answers are worth {apart(gap)}" if is_clear(gap) else "the answers add nothing that can be measured"
    return f"{said}; without a query on {share(floor.figure('fidelity'))}: {worth}."


def _membership(results: Sequence[Result]) -> str | None:
    """Say whether members can be told from others, by the run where they can the most."""
    subjects = [Subject(result, None) for result in results]
    for condition in (membership_leaks, data_sets_differ, nothing_leaks):
        held = [(finding, one) for one in subjects if (finding := condition(one))]
        if held:
            finding, subject = max(held, key=lambda one: one[0].strength)
            where = f" ({_where(subject.result, results)})" if len(results) > 1 else ""
            plain = finding.sentence.replace("membership leaks", "members can be told from others", 1)
            return f"Membership{where}: {plain}"
    return None


def _where(result: Result, results: Sequence[Result]) -> str:
    defence = attributes(result.run)["defence"]
    return f"{result.run.attack}, {count(result.run.budget)} queries" + (
        f", defence {defence}" if len(results) > 1 else ""
    )


def _caveat(results: Sequence[Result]) -> str | None:
    subjects = [Subject(result, None) for result in results]
    for sentences in (
        [finding.sentence for one in subjects if (finding := shadows_differ(one))],
        overlaps(results),
    ):
        if sentences:
            return sentences[0][0].upper() + sentences[0][1:]
    several = [result for result in results if (result.run.targets or 0) > 1]
    sure = [one for result in several for one in result.exposed if one.targets > 1 and 1.0 in one.found.values()]
    if sure:
        return (
            f"An average hides individuals: the attacks find {len(sure)} of the most exposed members in every target "
            "that learnt them."
        )
    return NO_PROOF if any(nothing_leaks(one) for one in subjects) else None


def _few(names: Iterable[str]) -> str:
    every = [*names]
    return joined(every if len(every) <= NAMED else [*every[: NAMED - 1], f"{len(every) - NAMED + 1} more"])
