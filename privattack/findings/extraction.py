"""The sentences that findings are made of: each a condition on a result's intervals, and a template."""

from privattack.findings.membership import data_sets_differ
from privattack.findings.subjects import Finding, Subject
from privattack.measurement import Measurement
from privattack.results.curves import at_each_budget
from privattack.results.differences import difference, is_clear
from privattack.results.figures import (
    CHANCE,
    QUERYING,
    WORDS,
    apart,
    best,
    compared_by,
    plain,
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
        loss = difference(undefended, defended, metric, comparisons=len(QUERYING))
        lost = is_clear(loss)
        # Of losses that cannot be measured, the one that is known best.
        losses.append(loss.known.value if lost else after.known.low - after.known.high)
        verdict.append(f"{knowledge} loses {lost}")
        several = len(subject.open_service.having(knowledge)) > 1
        cost = f"{apart(loss, metric)} of {WORDS.get(metric, metric)}" if lost else "nothing that can be measured"
        figures = f"{_of(defended, metric, named=several)} instead of {_of(undefended, metric, named=several)}"
        words.append(f"the {'best ' * several}{knowledge} attacker {cost} ({figures})")
    if not words:
        return None
    return Finding(max(losses), f"{subject.defence} costs {', and '.join(words)}.", tuple(verdict))


def _of(attacker: Attacker, metric: str, *, named: bool) -> str:
    return worded(attacker.figure(metric), metric) + (f" by {attacker.name}" if named else "")


def published_learns_nothing(subject: Subject) -> Finding | None:
    """The published recipe's surrogate is no better than chance, an adaptive attacker's is."""
    published, adaptive = subject.best("published"), subject.best("adaptive")
    if not _nothing(subject) or not adaptive.given or adaptive.known.low <= _learnt_nothing(subject.result):
        return None
    sentence = (
        f"from {subject.result.run.budget:,} queries the published recipe learns nothing "
        f"({share(published)} fidelity), the adaptive attacker reaches {share(adaptive)}."
    )
    return Finding(subject.gap(["adaptive"], ["published"]).known.value, sentence)


def _nothing(subject: Subject) -> bool:
    published = subject.best("published")
    return subject.result.is_extraction and published.given and _is_chance(published, "fidelity", subject.result)


def _is_chance(success: Measurement, metric: str, result: Result) -> bool:
    if metric in CHANCE:
        return success.known.low <= CHANCE[metric]
    # An interval so wide that it holds chance, too, says nothing: it must end below what learning reaches.
    return success.known.high < _learnt_nothing(result)


def _learnt_nothing(result: Result) -> float:
    """Return twice the share that one who guesses agrees on."""
    return 2 / result.target.classes


def published_underrates(subject: Subject) -> Finding | None:
    """An adaptive attacker beats the published one in the same run, from the same answers."""
    published, adaptive = subject.best("published"), subject.best("adaptive")
    gap = subject.gap(["adaptive"], ["published"])
    # What is said of these already outweighs it.
    if not is_clear(gap) or _nothing(subject) or data_sets_differ(subject):
        return None
    judged = "the service" if subject.defence == "none" else subject.defence
    sentence = (
        f"the published attack underrates the risk: from the same answers of {judged} the adaptive attacker reaches "
        f"{share(adaptive)} {compared_by(subject.result)}, the published one {share(published)}."
    )
    return Finding(gap.known.value, sentence, (subject.defence,))


def service_gives_nothing(subject: Subject) -> Finding | None:
    """A surrogate trained without a query is as good as any that was trained on answers, an adaptive attacker's too."""
    querying, without = subject.best(*QUERYING), subject.best("no_query")
    gap = _worth(subject)
    if not gap.given or not subject.best("adaptive").given or is_clear(gap):
        return None
    beyond = "its choice of images" if _in_rounds(subject) else "the images"
    sentence = (
        f"the service gave away nothing measurable beyond {beyond}: a surrogate trained on the attacker's own labels "
        f"reaches {share(without)} fidelity, the best one trained on answers {share(querying)}."
    )
    return Finding(-gap.known.value, sentence)


def _worth(subject: Subject) -> Measurement:
    """Return by how much the best of those who query exceeds who never does."""
    return subject.gap(QUERYING, ["no_query"], comparisons=max(len(subject.querying), 1))


def _in_rounds(subject: Subject) -> bool:
    """Say whether answers chose later images, so that even an attacker who never queries has learnt from them."""
    return (subject.result.service.rounds or 1) > 1


def service_gives(subject: Subject) -> Finding | None:
    """The answers are worth something: the opposite of `service_gives_nothing`."""
    querying, without = subject.best(*QUERYING), subject.best("no_query")
    gap = _worth(subject)
    if not is_clear(gap):
        return None
    beyond = " beyond their choice of images" if _in_rounds(subject) else ""
    sentence = (
        f"the service's answers are worth {apart(gap)} of fidelity{beyond}: "
        f"{share(querying)} with them, {share(without)} without a query."
    )
    return Finding(gap.known.value, sentence, (subject.defence,))


def labels_change(subject: Subject) -> Finding | None:
    """Honest users get other labels than the target's."""
    service = subject.result.service
    if not service.labels_changed.given or service.labels_changed.known.low <= 0:
        return None
    sentence = (
        f"{subject.defence} changes {share(service.labels_changed)} of the labels: honest users see an accuracy of "
        f"{share(service.test_accuracy)}, the target has {share(subject.result.target.test_accuracy)}."
    )
    return Finding(service.labels_changed.known.value, sentence, (subject.defence,))


def probabilities_change(subject: Subject) -> Finding | None:
    """Honest users keep the labels and lose the probabilities."""
    distance = subject.result.service.l1
    if labels_change(subject) or not distance.given or distance.known.low <= VISIBLE_DISTORTION:
        return None
    sentence = (
        f"{subject.defence} leaves honest users the labels and distorts the probabilities: "
        f"their L1 distance to the target's is {plain(distance)}, of 2 at most."
    )
    return Finding(distance.known.value, sentence, (subject.defence,))


def against_the_study(subject: Subject) -> Finding | None:
    """The published recipe at the study's settings, beside the study's single run."""
    result = next((one for one in at_each_budget(subject.result) if comparable(one.run)), None)
    if result is None:
        return None
    metric, published = study(result.run)
    ours = Subject(result, None).best("published", metric=metric)
    if not ours.given or published is None:
        return None
    value, low, high = ours.known
    away, within, runs = abs(published - value), low <= published <= high, f"{share(ours)} {metric}"
    if within and high - low <= 2 * NARROW:
        kind, verdict = "reproduces", f"reproduces the study: {runs}, the study published {100 * published:.2f} %"
    elif ours.sd is not None and away <= 2 * ours.sd:
        runs += f", sd {100 * ours.sd:.1f} over {ours.repetitions} repetitions"
        kind, verdict = "varies", f"varies: {runs}; the study's {100 * published:.2f} % is one draw of that"
    elif within:
        return None
    else:
        kind, verdict = "differs", f"differs from the study: {runs}, the study published {100 * published:.2f} %"
    return Finding(
        away, f"the published recipe on {subject.defence} {verdict}.", (kind, result.run.attack, subject.defence)
    )
