"""The sentences about differential privacy: what attackers prove of epsilon, and which defences DP-SGD beats."""

import re
from collections.abc import Sequence

from privattack.findings.contests import placed
from privattack.findings.subjects import Finding, Subject
from privattack.results.differences import is_clear, unpaired
from privattack.results.figures import LOW_RATE, WORDS, share, worded
from privattack.results.privacy import at_least, at_most, ceiling, proved, standings, strongest, told_apart
from privattack.results.proofs import Bound
from privattack.results.result import Result

DETECTED = 0.01  # below it, an epsilon is shown as 0


def epsilon_refuted(subject: Subject) -> Finding | None:
    """Attackers prove more than the training does: one of the two is wrong."""
    bound, claim = strongest(subject.result), proved(subject.result)
    if bound is None or claim is None or bound.epsilon <= claim:
        return None
    least, most = told_apart(bound.epsilon, claim)
    sentence = (
        f"at 95 % confidence epsilon is at least {least}, and the training claims {most}: the claim "
        f"is violated ({_how(bound, subject.result)})."
    )
    return Finding(bound.epsilon - claim, sentence, (sentence,))  # each run's own figures


def epsilon_at_least(subject: Subject) -> Finding | None:
    """What attackers prove, whether or not anything is claimed; nothing detected is told with what could have been."""
    bound, claim = strongest(subject.result), proved(subject.result)
    if bound is None or epsilon_refuted(subject) is not None:
        return None
    most = at_most(ceiling(subject.result))
    claimed = "the training claims " + ("nothing" if claim is None else at_most(claim))
    if bound.epsilon >= DETECTED:
        sentence = (
            f"at 95 % confidence epsilon is at least {at_least(bound.epsilon)}, and {claimed} "
            f"({_how(bound, subject.result)}; no attacker could have proved more than {most})."
        )
        return Finding(bound.epsilon, sentence, (sentence,))
    sentence = (
        f"no attacker proves an epsilon of {DETECTED} or more, which is no proof of privacy: with "
        f"{_canaries(subject.result)} none could have proved more than {most}; {claimed}."
    )
    return Finding(0.0, sentence, (sentence,))


def beaten(results: Sequence[Result]) -> list[str]:
    """Say of each defence without a proof which DP-SGD leaves attackers less at the same accuracy."""
    found = standings(results)
    sentences = []
    for title, group in found.items():
        metric = LOW_RATE if all(one.success(LOW_RATE, canaries=True).given for one in group) else "auc"
        for heuristic in (one for one in group if not one.private):
            theirs = heuristic.success(metric, canaries=True)
            better = [
                (ours, one)
                for one in group
                if one.claim is not None
                and is_clear(unpaired(theirs, ours := one.success(metric, canaries=True)))
                and not is_clear(unpaired(heuristic.accuracy, one.accuracy))
            ]
            if not better:
                continue
            ours, best = min(better, key=lambda pair: pair[0].known.value)
            sentence = (
                f"at the same accuracy {best.name} leaves attackers less than {heuristic.name}: {WORDS[metric]} on "
                f"canaries {worded(ours, metric)} against {worded(theirs, metric)}, accuracy {share(best.accuracy)} "
                f"against {share(heuristic.accuracy)}."
            )
            sentences.append(placed(title, sentence, several=len(found) > 1))
    return sentences


def _how(bound: Bound, result: Result) -> str:
    trials = f"{bound.right:,} of {bound.trials:,} guesses right"
    return f"{bound.attacker}, {bound.method}, {trials}, {_canaries(result)}"


def _canaries(result: Result) -> str:
    assert result.canaries is not None
    kind = str(result.run.config["canaries"]["_target_"]).rsplit(".", 1)[-1]
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", kind).lower()
    return f"{result.canaries.count:,} canaries ({words})"
