"""The sentences that findings are made of: each a condition on a result's intervals, and a template."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privattack.report.published import PUBLISHED, comparable, headline
from privattack.report.results import (
    Measurement,
    Result,
    above,
    best,
    figure,
    given,
    is_extraction,
    plain,
    points,
    share,
)

DATA_SET_DIFFERENCE = 0.55  # a blind AUC above it: the images differ, whoever was a member
LEARNT_NOTHING = 0.2  # chance is 0.1 with ten classes
NARROW = 0.1  # the widest half of an interval from which "reproduces" is said
QUERYING = ("published", "adaptive")
VISIBLE_DISTORTION = 0.1  # L1 distance between probabilities, which is 2 at most


@dataclass(frozen=True)
class Subject:
    """What a finding is about: a result, and the one that differs from it only in having no defence."""

    result: Result
    open_service: Result | None


@dataclass(frozen=True)
class Finding:
    """A sentence, how far beyond its condition the figures are, which orders findings of one kind, and its verdict.

    Where a template can come out differently, only runs with the same verdict count as saying the same.
    """

    strength: float
    sentence: str
    verdict: tuple[str, ...] = ()


def data_sets_differ(subject: Subject) -> Finding | None:
    """A blind attacker tells members from non-members: mandatory, whatever else is found."""
    blind = best(subject.result, "blind", metric="auc")
    if blind is None or figure(blind, "auc")["low"] <= DATA_SET_DIFFERENCE:
        return None
    auc = figure(blind, "auc")
    sentence = (
        f"a blind attacker, who never queries, reaches AUC {plain(auc)}: "
        "this measures a difference between data sets, not membership."
    )
    return Finding(auc["value"], sentence)


def defence_costs(subject: Subject) -> Finding | None:
    """What a defence costs the published attack, and what from the one who knows it."""
    if subject.open_service is None:
        return None
    words, losses, verdict = [], [], []
    run, metric = subject.result["run"], headline(subject.result["attackers"][0]["metrics"])
    for knowledge in QUERYING:
        defended, undefended = best(subject.result, knowledge), best(subject.open_service, knowledge)
        if defended is None or undefended is None:
            continue
        after, before = figure(defended), figure(undefended)
        if _is_chance(before, extraction=is_extraction(subject.result)):
            continue  # nothing to lose
        lost = above(before, after)
        # Of losses that cannot be measured, the one that is known best.
        losses.append(before["value"] - after["value"] if lost else after["low"] - after["high"])
        verdict.append(f"{knowledge} loses {lost}")
        cost = f"{points(before, after)} of {metric}" if lost else "nothing that can be measured"
        words.append(f"the {knowledge} attacker {cost} ({share(after)} instead of {share(before)})")
    if not words:
        return None
    return Finding(max(losses), f"{run['defence']} costs {', and '.join(words)}.", tuple(verdict))


def published_learns_nothing(subject: Subject) -> Finding | None:
    """The published recipe's copy is no better than chance, an adaptive attacker's is."""
    published, adaptive = best(subject.result, "published"), best(subject.result, "adaptive")
    if published is None or adaptive is None or not _nothing(subject) or figure(adaptive)["low"] <= LEARNT_NOTHING:
        return None
    run = subject.result["run"]
    sentence = (
        f"from {run['budget']:,} queries the published recipe learns nothing ({share(figure(published))} fidelity), "
        f"the adaptive attacker reaches {share(figure(adaptive))}."
    )
    return Finding(figure(adaptive)["value"] - figure(published)["value"], sentence)


def _nothing(subject: Subject) -> bool:
    published = best(subject.result, "published")
    if published is None or not is_extraction(subject.result):
        return False
    return _is_chance(figure(published), extraction=True)


def _is_chance(success: Measurement, *, extraction: bool) -> bool:
    if not extraction:
        return success["low"] <= 0.5
    # An interval so wide that it holds chance, too, says nothing: it must end below what learning reaches.
    return success["high"] < LEARNT_NOTHING


def published_underrates(subject: Subject) -> Finding | None:
    """An adaptive attacker beats the published one in the same run, from the same answers."""
    published, adaptive = best(subject.result, "published"), best(subject.result, "adaptive")
    if published is None or adaptive is None or not above(figure(adaptive), figure(published)):
        return None
    # What is said of these already outweighs it.
    if _nothing(subject) or data_sets_differ(subject):
        return None
    defence = subject.result["run"]["defence"]
    judged = "the service" if defence == "none" else defence
    sentence = (
        f"the published attack underrates the risk: from the same answers of {judged} the adaptive attacker gets "
        f"{share(figure(adaptive))} {headline(adaptive['metrics'])}, it {share(figure(published))}."
    )
    return Finding(figure(adaptive)["value"] - figure(published)["value"], sentence)


def service_gives_nothing(subject: Subject) -> Finding | None:
    """A surrogate trained without a query is as good as any that was trained on answers."""
    querying, without = best(subject.result, *QUERYING), best(subject.result, "no_query")
    if querying is None or without is None or above(figure(querying), figure(without)):
        return None
    sentence = (
        "the service gave nothing measurable away beyond the images: a copy trained on labels of the attacker's "
        f"own reaches {share(figure(without))} fidelity, the best attack that queries {share(figure(querying))}."
    )
    return Finding(figure(without)["value"] - figure(querying)["value"], sentence)


def service_gives(subject: Subject) -> Finding | None:
    """The answers are worth something: the complement of `service_gives_nothing`."""
    querying, without = best(subject.result, *QUERYING), best(subject.result, "no_query")
    if querying is None or without is None or not above(figure(querying), figure(without)):
        return None
    sentence = (
        f"the service's answers are worth {points(figure(querying), figure(without))} of fidelity: "
        f"{share(figure(querying))} with them, {share(figure(without))} without a query."
    )
    return Finding(figure(querying)["value"] - figure(without)["value"], sentence)


def membership_leaks(subject: Subject) -> Finding | None:
    """An attacker who queries tells members apart, and one who does not query cannot."""
    leader, blind = best(subject.result, *QUERYING, metric="auc"), _blind_auc(subject)
    if leader is None or data_sets_differ(subject):
        return None
    auc = figure(leader, "auc")
    if auc["low"] <= 0.5 or (blind["value"] is not None and blind["low"] > 0.5 and not above(auc, blind)):
        return None
    caught = figure(leader, "tpr_at_fpr_0.01")
    rate = f", and finds {share(caught)} of the members at 1 % false alarms" if given(caught) else ""
    against = f"; a blind attacker reaches {plain(blind)}" if given(blind) else ""
    return Finding(auc["value"], f"membership leaks: AUC {plain(auc)} ({_leading(subject, leader)}){rate}{against}.")


def nothing_leaks(subject: Subject) -> Finding | None:
    """The best attacker's AUC is that of a coin."""
    leader = best(subject.result, *QUERYING, metric="auc")
    if leader is None or data_sets_differ(subject):
        return None
    auc = figure(leader, "auc")
    if not auc["low"] <= 0.5 <= auc["high"]:
        return None
    sentence = f"no measurable membership signal: AUC {plain(auc)} ({_leading(subject, leader)})."
    return Finding(auc["low"] - auc["high"], sentence)


def _blind_auc(subject: Subject) -> Measurement:
    blind = best(subject.result, "blind", metric="auc")
    return figure(blind, "auc") if blind else {"value": None}


def _leading(subject: Subject, leader: Mapping[str, Any]) -> str:
    querying = [one for one in subject.result["attackers"] if one["knowledge"] in QUERYING]
    return f"{leader['name']}, the best of {len(querying)}" if len(querying) > 1 else leader["name"]


def labels_change(subject: Subject) -> Finding | None:
    """Honest users get other labels than the target's."""
    run, service = subject.result["run"], subject.result["service"]
    if not given(service["labels_changed"]) or service["labels_changed"]["low"] <= 0:
        return None
    sentence = (
        f"{run['defence']} changes {share(service['labels_changed'])} of the labels: honest users see an accuracy of "
        f"{share(service['test_accuracy'])}, the target has {share(subject.result['target']['test_accuracy'])}."
    )
    return Finding(service["labels_changed"]["value"], sentence)


def probabilities_change(subject: Subject) -> Finding | None:
    """Honest users keep the labels and lose the probabilities."""
    run, service = subject.result["run"], subject.result["service"]
    distance = service["l1"]
    if labels_change(subject) or not given(distance) or distance["low"] <= VISIBLE_DISTORTION:
        return None
    sentence = (
        f"{run['defence']} leaves honest users the labels and takes the probabilities: "
        f"an L1 distance of {plain(distance)} to the target's, of 2 at most."
    )
    return Finding(distance["value"], sentence)


def against_the_study(subject: Subject) -> Finding | None:
    """The published recipe at the study's settings, beside the study's single run."""
    run = subject.result["run"]
    metric, study = PUBLISHED.get((run["attack"], run["defence"]), (None, 0.0))
    ours = best(subject.result, "published", metric=metric) if metric and comparable(run) else None
    if ours is None:
        return None
    measured = figure(ours, metric)
    away, sd = abs(study - measured["value"]), measured.get("sd")
    runs = f"{share(measured)} {metric}"
    within = measured["low"] <= study <= measured["high"]
    if within and measured["high"] - measured["low"] <= 2 * NARROW:
        kind, verdict = "reproduces", f"reproduces the study: {runs}, the study published {100 * study:.2f} %"
    elif sd is not None and away <= 2 * sd:
        runs += f", sd {100 * sd:.1f} over {measured['repetitions']} repetitions"
        kind, verdict = "varies", f"varies: {runs}; the study's {100 * study:.2f} % is one draw of that"
    elif within:
        return None
    else:
        kind, verdict = "differs", f"differs from the study: {runs}, the study published {100 * study:.2f} %"
    return Finding(away, f"the published recipe on {run['defence']} {verdict}.", (kind,))
