"""The sentences about membership inference: whether members can be told apart, by which attacks, and by how many."""

from collections.abc import Sequence

from privattack.findings.subjects import Finding, Subject
from privattack.measurement import Measurement
from privattack.results.figures import (
    CHANCE,
    LOW_RATE,
    QUERYING,
    above,
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
ON_COPY = "_on_copy"  # how attackers are called who ask an extracted copy
NAMED = 3  # of a group, before the others are counted

NEAR_CHANCE, NEAR_RATE = 0.55, 0.03  # an AUC, and a share at 1 % false alarms, that a coin almost has


def data_sets_differ(subject: Subject) -> Finding | None:
    """A blind attacker tells members from non-members: mandatory, whatever else is found."""
    blind = best(subject.result, "blind", metric="auc")
    if blind is None or blind.figure("auc").known.low <= DATA_SET_DIFFERENCE:
        return None
    auc = blind.figure("auc")
    sentence = (
        f"a blind attacker, who never queries, reaches AUC {plain(auc)}: "
        "this measures a difference between data sets, not membership."
    )
    return Finding(auc.known.value, sentence)


def membership_leaks(subject: Subject) -> Finding | None:
    """An attacker who queries tells members apart, and one who does not query cannot."""
    leaking = _leaking(subject)
    if not leaking:
        return None
    auc, caught, blind = leaking[0].figure("auc"), leaking[0].figure(LOW_RATE), _blind(subject, "auc")
    rate = f", and finds {share(caught)} of the members at 1 % false alarms" if caught.given else ""
    against = f"; a blind attacker reaches {plain(blind)}" if blind.given else ""
    faint = auc.known.high < NEAR_CHANCE and (not caught.given or caught.known.high < NEAR_RATE)
    claim = "membership leaks, but hardly: near chance, with" if faint else "membership leaks:"
    sentence = f"{_over_targets(subject)}{claim} AUC {plain(auc)} ({_leading(subject, leaking[0])}){rate}{against}."
    return Finding(auc.known.value, sentence)


def copies_betray(subject: Subject) -> Finding | None:
    """Whether a copy of the target tells its members apart as the target does."""
    querying = [one for one in subject.result.having(*QUERYING) if one.figure("auc").given]
    on_copy = [one for one in querying if one.name.endswith(ON_COPY)]
    direct = [one for one in querying if one not in on_copy]
    if not on_copy or not direct or data_sets_differ(subject):
        return None
    copy, target = ranked(on_copy, "auc")[0], ranked(direct, "auc")[0]
    betrays = exceeds_chance(copy, "auc", len(on_copy))
    claim = "the copy betrays members, too" if betrays else "the copy betrays no members that can be measured"
    figures = f"AUC {plain(copy.figure('auc'))} on the copy, {plain(target.figure('auc'))} on the target itself"
    return Finding(copy.figure("auc").known.value, f"{claim}: the same inference reaches {figures}.", (claim,))


def _leaking(subject: Subject) -> list[Attacker]:
    """Return the attackers who query and do better than chance and than the blind one, the best first.

    By the share found at 1 % false alarms, or, where that shows none, by AUC.
    """
    querying = subject.result.having(*QUERYING)
    if data_sets_differ(subject):
        return []

    def leaks(attacker: Attacker, metric: str) -> bool:
        blind = _blind(subject, metric)
        if not exceeds_chance(attacker, metric, len(querying)):
            return False
        return not blind.given or blind.known.low <= CHANCE[metric] or above(attacker.figure(metric), blind)

    for metric in (LOW_RATE, "auc"):
        known = [one for one in ranked(querying, metric) if one.figure("auc").given]
        if found := [one for one in known if leaks(one, metric)]:
            return found
    return []


def nothing_leaks(subject: Subject) -> Finding | None:
    """The best attacker's AUC is that of a coin, and no attacker does better than one, at 1 % false alarms neither."""
    leader = best(subject.result, *QUERYING, metric="auc")
    if leader is None or data_sets_differ(subject):
        return None
    auc = leader.figure("auc")
    attackers = subject.result.having(*QUERYING)
    if auc.known.high < 0.5 or any(exceeds_chance(one, metric) for one in attackers for metric in ("auc", LOW_RATE)):
        return None
    finder = best(subject.result, *QUERYING, metric=LOW_RATE)
    rate = (
        f"; at 1 % false alarms {finder.name} finds {share(finder.figure(LOW_RATE))} of the members" if finder else ""
    )
    claim = f"no measurable membership signal: AUC {plain(auc)} ({_leading(subject, leader)}){rate}."
    return Finding(auc.known.low - auc.known.high, _over_targets(subject) + claim)


def attacks_stand_out(subject: Subject) -> Finding | None:
    """Some attacks, at most half of them, lie above all others beyond every interval; or none does.

    Of several such groups the one with the widest gap below it, from its lowest end to the others' highest.
    """
    querying = subject.result.having(*QUERYING)
    metric = ranking_metric(querying)
    order = [one for one in ranked(querying, metric) if one.figure(metric).given]
    if len(order) < SEVERAL or metric not in CHANCE or not _leaking(subject):
        return None
    figures = [one.figure(metric) for one in order]
    gaps = {
        size: min(one.known.low for one in figures[:size]) - max(one.known.high for one in figures[size:])
        for size in range(1, len(order) // 2 + 1)
    }
    size = max(gaps, key=lambda size: gaps[size])
    verb, once, of_what = ("find", "finds", " of the members") if metric == LOW_RATE else ("reach", "reaches", "")
    if gaps[size] > 0:
        leaders, others = order[:size], order[size:]
        rest = f"every one of the other {len(others)} attacks" if len(others) > 1 else "the other attack"
        claim = (
            f"{_names(leaders)} {verb if size > 1 else once} {_figures(leaders, metric)}{of_what}, above {rest} "
            f"(best of them: {others[0].name}, {worded(others[0].figure(metric), metric)})"
        )
    else:
        leaders = []
        near = [one for one in order[1:] if one.figure(metric).known.high >= figures[0].known.low]
        overlap = "intervals of {} overlap" if len(near) > 1 else "interval of {} overlaps"
        claim = (
            f"no attack rises above the others beyond its interval: {order[0].name} {once} "
            f"{worded(figures[0], metric)}{of_what}, and the {overlap.format(_names(near))} its own"
        )
    return Finding(gaps[size], f"{_scale(subject, metric)} {claim}.", tuple(one.name for one in leaders))


def attacks_together(subject: Subject) -> Finding | None:
    """What share of the members any attack finds, where it exceeds what so many attempts accuse wrongly."""
    found = subject.result.found
    if not found or data_sets_differ(subject) or not above(found.any, found.any_fpr):
        return None
    alone = max(
        (one for one in found.attackers.items() if one[1].given), key=lambda one: one[1].known.value, default=None
    )
    most = f"; the best alone, {alone[0]}, finds {share(alone[1])}" if alone else ""
    sentence = (
        f"{_over_targets(subject)}together the attacks, each at a false positive rate of {100 * found.fpr:g} %, "
        f"find {share(found.any)} of the members (accusing {share(found.any_fpr)} of the non-members){most}."
    )
    return Finding(found.any.known.value, sentence)


def _blind(subject: Subject, metric: str) -> Measurement:
    blind = best(subject.result, "blind", metric=metric)
    return blind.figure(metric) if blind else Measurement.missing(0, "nobody is blind")


def _leading(subject: Subject, leader: Attacker) -> str:
    querying = subject.result.having(*QUERYING)
    if len(querying) < 2:
        return leader.name
    # A wide interval may keep a higher figure from being a finding.
    is_best = any(leader is best(subject.result, *QUERYING, metric=metric) for metric in ("auc", LOW_RATE))
    return f"{leader.name}, {'the best' if is_best else 'one'} of {len(querying)}"


def _over_targets(subject: Subject) -> str:
    targets = subject.result.run.targets
    return f"over {targets} targets, " if targets and targets > 1 else ""


def _scale(subject: Subject, metric: str) -> str:
    return _over_targets(subject) + ("at a false positive rate of 1 %" if metric == LOW_RATE else "by AUC")


def _names(attackers: Sequence[Attacker]) -> str:
    named = [one.name for one in attackers]
    return _joined([*named[:NAMED], f"{len(named) - NAMED} more"] if len(named) > NAMED + 1 else named)


def _figures(attackers: Sequence[Attacker], metric: str) -> str:
    figures = [worded(one.figure(metric), metric) for one in attackers]
    return f"{figures[0]} to {figures[-1]}" if len(figures) > NAMED + 1 else _joined(figures)


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
