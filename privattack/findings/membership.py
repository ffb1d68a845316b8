"""The sentences about membership inference: whether members can be told apart, by which attacks, and by how many."""

from collections.abc import Sequence

from privattack.findings.subjects import Finding, Subject, joined
from privattack.results.differences import difference, is_clear, unpaired
from privattack.results.figures import (
    CHANCE,
    LOW_RATE,
    QUERYING,
    WORDS,
    apart,
    best,
    exceeds_chance,
    plain,
    ranked,
    ranking_metric,
    share,
    worded,
)
from privattack.results.result import Attacker

DATA_SET_DIFFERENCE = 0.55  # a blind AUC above it: the images differ, whoever was a member
SEVERAL = 3  # attackers from which it is worth saying who leads
ON_SURROGATE = "_on_copy"  # how results call attackers who ask a surrogate
NAMED = 3  # of a group, before the others are counted
NEAR_CHANCE, NEAR_RATE = 0.55, 0.03  # an AUC, and a TPR at 1 % FPR, that a coin almost has


def data_sets_differ(subject: Subject) -> Finding | None:
    """A blind attacker tells members from non-members: mandatory, whatever else is found."""
    blind = subject.best("blind", metric="auc")
    if not blind.given or blind.known.low <= DATA_SET_DIFFERENCE:
        return None
    sentence = (
        f"a blind attacker, who never queries, reaches AUC {plain(blind)}: "
        "this measures a difference between data sets, not membership."
    )
    return Finding(blind.known.value, sentence)


def membership_leaks(subject: Subject) -> Finding | None:
    """An attacker who queries tells members apart, and one who does not query cannot."""
    leaking = _leaking(subject)
    if not leaking:
        return None
    auc, rate, blind = leaking[0].figure("auc"), leaking[0].figure(LOW_RATE), subject.best("blind", metric="auc")
    faint = auc.known.high < NEAR_CHANCE and (not rate.given or rate.known.high < NEAR_RATE)
    sentence = (
        f"{_over_targets(subject)}membership leaks{', but barely' if faint else ''}: "
        f"AUC {plain(auc)} ({_leading(subject, leaking[0])})"
        + (f", TPR at 1 % FPR {share(rate)}" if rate.given else "")
        + (f"; a blind attacker reaches AUC {plain(blind)}." if blind.given else ".")
    )
    return Finding(auc.known.value, sentence, ("faint",) * faint + (subject.defence,))


def surrogate_betrays(subject: Subject) -> Finding | None:
    """Whether a surrogate of the target tells its members apart as the target does."""
    known = [one for one in ranked(subject.querying, "auc") if one.figure("auc").given]
    on_surrogate = [one for one in known if one.name.endswith(ON_SURROGATE)]
    direct = [one for one in known if one not in on_surrogate]
    if not on_surrogate or not direct or data_sets_differ(subject):
        return None
    auc = on_surrogate[0].figure("auc")
    betrays = exceeds_chance(on_surrogate[0], "auc", len(on_surrogate))
    claim = f"the surrogate betrays {'members, too' if betrays else 'no members that can be measured'}"
    sentence = (
        f"{claim}: the same inference reaches AUC {plain(auc)} on the surrogate, "
        f"{plain(direct[0].figure('auc'))} on the target itself."
    )
    return Finding(auc.known.value, sentence, (claim,))


def _leaking(subject: Subject) -> list[Attacker]:
    """Return the attackers who query and do better than chance and than the blind one, the best first.

    By TPR at 1 % FPR, or, where that shows none, by AUC.
    """
    if data_sets_differ(subject):
        return []

    def leaks(attacker: Attacker, metric: str) -> bool:
        blind = best(subject.result, "blind", metric=metric)
        if not exceeds_chance(attacker, metric, len(subject.querying)):
            return False
        if blind is None or blind.figure(metric).known.low <= CHANCE[metric]:
            return True
        return is_clear(difference(attacker, blind, metric, comparisons=len(subject.querying)))

    for metric in (LOW_RATE, "auc"):
        known = [one for one in ranked(subject.querying, metric) if one.figure("auc").given]
        if found := [one for one in known if leaks(one, metric)]:
            return found
    return []


def nothing_leaks(subject: Subject) -> Finding | None:
    """The best attacker's AUC is that of a coin, and no attacker does better than one, in TPR at 1 % FPR neither."""
    leader = best(subject.result, *QUERYING, metric="auc")
    if leader is None or data_sets_differ(subject):
        return None
    auc = leader.figure("auc")
    if auc.known.high < 0.5 or any(exceeds_chance(one, name) for one in subject.querying for name in ("auc", LOW_RATE)):
        return None
    finder = best(subject.result, *QUERYING, metric=LOW_RATE)
    rate = f"; TPR at 1 % FPR {share(finder.figure(LOW_RATE))} ({finder.name})" if finder else ""
    claim = f"no measurable membership signal: AUC {plain(auc)} ({_leading(subject, leader)}){rate}."
    return Finding(auc.known.low - auc.known.high, _over_targets(subject) + claim)


def attacks_stand_out(subject: Subject) -> Finding | None:
    """Some attacks, at most half of them, are each ahead of each of the others, image by image; or none is.

    The intervals of the differences hold for all pairs at once. Of several such groups the one that is ahead the most.
    """
    metric = ranking_metric(subject.querying)
    order = [one for one in ranked(subject.querying, metric) if one.figure(metric).given]
    if len(order) < SEVERAL or metric not in CHANCE or not _leaking(subject):
        return None
    pairs = len(order) * (len(order) - 1) // 2
    least = [
        [difference(one, other, metric, comparisons=pairs).known.low for other in order[place + 1 :]]
        for place, one in enumerate(order)
    ]
    gaps = {
        size: min(low for place in range(size) for low in least[place][size - 1 - place :])
        for size in range(1, len(order) // 2 + 1)
    }
    size = max(gaps, key=lambda size: gaps[size])
    figures = [worded(one.figure(metric), metric) for one in order]
    leaders = order[:size] if gaps[size] > 0 else []
    if leaders:
        others = f"each of the other {len(order) - size} attacks" if len(order) > size + 1 else "the other attack"
        reached = f"{figures[0]} to {figures[size - 1]}" if size > NAMED + 1 else joined(figures[:size])
        claim = (
            f"{_names(leaders)} {'reach' if size > 1 else 'reaches'} {reached}, ahead of {others} "
            f"(the best of them: {order[size].name}, {figures[size]}){_first_of(leaders, pairs)}"
        )
    else:
        near = [one for one, low in zip(order[1:], least[0], strict=True) if low <= 0]
        claim = (
            f"no attack stands out from the others: {order[0].name} reaches {figures[0]}, and is not ahead of "
            f"{_names(near)} beyond chance"
        )
    sentence = f"{_over_targets(subject)}by {WORDS.get(metric, metric)} {claim}."
    return Finding(gaps[size], sentence, tuple(one.name for one in leaders))


def _first_of(leaders: Sequence[Attacker], pairs: int) -> str:
    """Say where AUC tells the first of several leaders from each of the others."""
    gaps = [difference(leaders[0], other, "auc", comparisons=pairs) for other in leaders[1:]]
    if not gaps or not all(is_clear(gap) for gap in gaps):
        return ""
    least = min(gaps, key=lambda gap: gap.known.low)
    return f"; by AUC {leaders[0].name} is ahead of {_names(leaders[1:])}, too, by {apart(least, 'auc')} or more"


def attacks_together(subject: Subject) -> Finding | None:
    """What share of the members any attack finds, where it exceeds what so many attempts accuse wrongly."""
    found = subject.result.found
    if not found or data_sets_differ(subject) or not is_clear(unpaired(found.any, found.any_fpr)):
        return None
    known = {name: figure for name, figure in found.attackers.items() if figure.given}
    alone = max(known, key=lambda name: known[name].known.value, default=None)
    sentence = (
        f"{_over_targets(subject)}together the attacks, each at {100 * found.fpr:g} % FPR, find {share(found.any)} of "
        f"the members and accuse {share(found.any_fpr)} of the non-members"
        + (f"; the best alone, {alone}, finds {share(known[alone])}." if alone else ".")
    )
    return Finding(found.any.known.value, sentence)


def _leading(subject: Subject, leader: Attacker) -> str:
    count = len(subject.querying)
    if count < 2:
        return leader.name
    # A wide interval may keep a higher figure from being a finding.
    is_best = any(leader is best(subject.result, *QUERYING, metric=metric) for metric in ("auc", LOW_RATE))
    return f"{leader.name}, {'the best' if is_best else 'one'} of {count}"


def _over_targets(subject: Subject) -> str:
    targets = subject.result.run.targets
    return f"over {targets} targets, " if targets and targets > 1 else ""


def _names(attackers: Sequence[Attacker]) -> str:
    named = [one.name for one in attackers]
    return joined([*named[:NAMED], f"{len(named) - NAMED} more"] if len(named) > NAMED + 1 else named)
