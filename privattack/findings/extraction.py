"""The sentences that findings are made of: each a condition on a result's intervals, and a template."""

from privattack.findings.membership import data_sets_differ
from privattack.findings.subjects import Finding, Subject
from privattack.measurement import Measurement
from privattack.results.curves import at_each_budget
from privattack.results.figures import (
    CHANCE,
    QUERYING,
    WORDS,
    above,
    ahead,
    best,
    compared_by,
    plain,
    points,
    share,
    worded,
)
from privattack.results.result import Attacker, Result
from privattack.results.study import comparable, study

NARROW = 0.1  # the widest half of an interval from which "reproduces" is said
VISIBLE_DISTORTION = 0.1  # L1 distance between probabilities, which is 2 at most


def defence_costs(subject: Subject) -> Finding | None:
    """What a defence costs the published attack, and what from the one who knows it."""
    if subject.open_service is None:
        return None
    words, losses, verdict = [], [], []
    metric = compared_by(subject.result, subject.open_service)
    for knowledge in QUERYING:
        defended = best(subject.result, knowledge, metric=metric)
        undefended = best(subject.open_service, knowledge, metric=metric)
        if defended is None or undefended is None:
            continue
        after, before = defended.figure(metric), undefended.figure(metric)
        if _is_chance(before, metric, subject.open_service):
            continue  # nothing to lose
        lost = above(before, after)
        # Of losses that cannot be measured, the one that is known best.
        losses.append(ahead(before, after) if lost else after.known.low - after.known.high)
        verdict.append(f"{knowledge} loses {lost}")
        several = len(subject.open_service.having(knowledge)) > 1
        cost = (
            f"{points(before, after, metric)} of {WORDS.get(metric, metric)}"
            if lost
            else "nothing that can be measured"
        )
        figures = f"{_of(defended, metric, named=several)} instead of {_of(undefended, metric, named=several)}"
        words.append(f"the {'best ' * several}{knowledge} attacker {cost} ({figures})")
    if not words:
        return None
    return Finding(max(losses), f"{subject.defence} costs {', and '.join(words)}.", tuple(verdict))


def _of(attacker: Attacker, metric: str, *, named: bool) -> str:
    return worded(attacker.figure(metric), metric) + (f" by {attacker.name}" if named else "")


def published_learns_nothing(subject: Subject) -> Finding | None:
    """The published recipe's copy is no better than chance, an adaptive attacker's is."""
    published, adaptive = best(subject.result, "published"), best(subject.result, "adaptive")
    if published is None or adaptive is None or not _nothing(subject):
        return None
    if adaptive.figure().known.low <= _learnt_nothing(subject.result):
        return None
    run = subject.result.run
    sentence = (
        f"from {run.budget:,} queries the published recipe learns nothing ({share(published.figure())} fidelity), "
        f"the adaptive attacker reaches {share(adaptive.figure())}."
    )
    return Finding(ahead(adaptive.figure(), published.figure()), sentence)


def _nothing(subject: Subject) -> bool:
    published = best(subject.result, "published")
    if published is None or not subject.result.is_extraction:
        return False
    return _is_chance(published.figure(), "fidelity", subject.result)


def _is_chance(success: Measurement, metric: str, result: Result) -> bool:
    if metric in CHANCE:
        return success.known.low <= CHANCE[metric]
    # An interval so wide that it holds chance, too, says nothing: it must end below what learning reaches.
    return success.known.high < _learnt_nothing(result)


def _learnt_nothing(result: Result) -> float:
    """Return twice the share that one who guesses agrees on; older results were all of ten classes."""
    return 2 / result.target.classes


def published_underrates(subject: Subject) -> Finding | None:
    """An adaptive attacker beats the published one in the same run, from the same answers."""
    published, adaptive = best(subject.result, "published"), best(subject.result, "adaptive")
    if published is None or adaptive is None or not above(adaptive.figure(), published.figure()):
        return None
    # What is said of these already outweighs it.
    if _nothing(subject) or data_sets_differ(subject):
        return None
    judged = "the service" if subject.defence == "none" else subject.defence
    sentence = (
        f"the published attack underrates the risk: from the same answers of {judged} the adaptive attacker gets "
        f"{share(adaptive.figure())} {adaptive.headline}, it {share(published.figure())}."
    )
    return Finding(ahead(adaptive.figure(), published.figure()), sentence)


def service_gives_nothing(subject: Subject) -> Finding | None:
    """A surrogate trained without a query is as good as any that was trained on answers, an adaptive attacker's too."""
    querying, without = best(subject.result, *QUERYING), best(subject.result, "no_query")
    if querying is None or without is None or above(querying.figure(), without.figure()):
        return None
    if best(subject.result, "adaptive") is None:
        return None
    beyond = "its choice of images" if _in_rounds(subject) else "the images"
    sentence = (
        f"the service gave nothing measurable away beyond {beyond}: a copy trained on labels of the attacker's own "
        f"reaches {share(without.figure())} fidelity, the best attack that queries {share(querying.figure())}."
    )
    return Finding(ahead(without.figure(), querying.figure()), sentence)


def _in_rounds(subject: Subject) -> bool:
    """Say whether answers chose later images, so that even who never asks has learnt something from them."""
    return (subject.result.service.rounds or 1) > 1


def service_gives(subject: Subject) -> Finding | None:
    """The answers are worth something: the opposite of `service_gives_nothing`."""
    querying, without = best(subject.result, *QUERYING), best(subject.result, "no_query")
    if querying is None or without is None or not above(querying.figure(), without.figure()):
        return None
    beyond = " beyond their choice of images" if _in_rounds(subject) else ""
    sentence = (
        f"the service's answers are worth {points(querying.figure(), without.figure())} of fidelity{beyond}: "
        f"{share(querying.figure())} with them, {share(without.figure())} without a query."
    )
    return Finding(ahead(querying.figure(), without.figure()), sentence)


def labels_change(subject: Subject) -> Finding | None:
    """Honest users get other labels than the target's."""
    service = subject.result.service
    if not service.labels_changed.given or service.labels_changed.known.low <= 0:
        return None
    sentence = (
        f"{subject.defence} changes {share(service.labels_changed)} of the labels: honest users see an accuracy of "
        f"{share(service.test_accuracy)}, the target has {share(subject.result.target.test_accuracy)}."
    )
    return Finding(service.labels_changed.known.value, sentence)


def probabilities_change(subject: Subject) -> Finding | None:
    """Honest users keep the labels and lose the probabilities."""
    distance = subject.result.service.l1
    if labels_change(subject) or not distance.given or distance.known.low <= VISIBLE_DISTORTION:
        return None
    sentence = (
        f"{subject.defence} leaves honest users the labels and takes the probabilities: "
        f"an L1 distance of {plain(distance)} to the target's, of 2 at most."
    )
    return Finding(distance.known.value, sentence)


def against_the_study(subject: Subject) -> Finding | None:
    """The published recipe at the study's settings, beside the study's single run."""
    result = next((one for one in at_each_budget(subject.result) if comparable(one.run)), None)
    if result is None:
        return None
    metric, published = study(result.run)
    ours = best(result, "published", metric=metric)
    if ours is None or published is None:
        return None
    measured = ours.figure(metric)
    away, sd = abs(published - measured.known.value), measured.sd
    runs = f"{share(measured)} {metric}"
    within = measured.known.low <= published <= measured.known.high
    if within and measured.known.high - measured.known.low <= 2 * NARROW:
        kind, verdict = "reproduces", f"reproduces the study: {runs}, the study published {100 * published:.2f} %"
    elif sd is not None and away <= 2 * sd:
        runs += f", sd {100 * sd:.1f} over {measured.repetitions} repetitions"
        kind, verdict = "varies", f"varies: {runs}; the study's {100 * published:.2f} % is one draw of that"
    elif within:
        return None
    else:
        kind, verdict = "differs", f"differs from the study: {runs}, the study published {100 * published:.2f} %"
    return Finding(away, f"the published recipe on {subject.defence} {verdict}.", (kind,))
