"""What must hold before anything is said of an attack, and what its figures are about."""

import math
from collections.abc import Sequence

from scipy.special import stdtrit

from privattack.findings.subjects import Finding, Subject, joined
from privattack.measurement import Measurement
from privattack.results.figures import apart, share
from privattack.results.naming import attributes
from privattack.results.result import Result, Target


def has_learnt(result: Result) -> bool:
    """Say whether the target names more images rightly than whoever always names the most frequent class."""
    accuracy = result.target.test_accuracy
    return not accuracy.given or accuracy.known.low > _chance(result.target)


def learnt_nothing(subject: Subject) -> Finding | None:
    """The target is at chance: nothing else is said of it."""
    target = subject.result.target
    if has_learnt(subject.result):
        return None
    sentence = (
        f"the target has learnt nothing: it names {share(target.test_accuracy)} of the test part rightly, and whoever "
        f"always names the most frequent class {100 * _chance(target):.1f} %; what attacks reach on it says nothing of "
        "a target that works."
    )
    return Finding(_chance(target) - target.test_accuracy.known.low, sentence)


def _chance(target: Target) -> float:
    return target.chance or 1 / target.classes


def shadows_differ(subject: Subject) -> Finding | None:
    """The shadow models do not mimic the target: another number of members, or another accuracy.

    That is beyond what one more shadow model would differ from the others, and the target's own interval.
    """
    target, shadow = subject.result.target, subject.result.shadow
    if shadow is None or subject.result.run.targets is not None:
        return None
    differing = []
    if target.train_accuracy.given and shadow.train_accuracy.n != target.train_accuracy.n:
        differing.append(f"{shadow.train_accuracy.n:,} members each, the target has {target.train_accuracy.n:,}")
    for words, ours, theirs in (
        ("their members", target.train_accuracy, shadow.train_accuracy),
        ("the test part", target.test_accuracy, shadow.test_accuracy),
    ):
        gap = _one_more(ours, theirs)
        if gap.given and not gap.known.low <= 0 <= gap.known.high:
            differing.append(f"{share(theirs)} accuracy on {words}, the target {share(ours)} ({apart(gap)})")
    if not differing:
        return None
    return Finding(0.0, f"the shadow models do not mimic the target: they have {joined(differing)}.")


def _one_more(ours: Measurement, theirs: Measurement) -> Measurement:
    """Return by how much a figure differs from the mean of others, with an interval for one more of their kind.

    Of two such comparisons at once (Bonferroni).
    """
    if not ours.given or not theirs.given or theirs.sd is None or theirs.repetitions is None:
        return Measurement.missing(ours.n, "there is nothing to compare with")
    (value, low, high), mean = ours.known, theirs.known.value
    spread = float(stdtrit(theirs.repetitions - 1, 1 - 0.0125)) * theirs.sd * math.sqrt(1 + 1 / theirs.repetitions)
    gap = value - mean
    below, above = math.hypot(value - low, spread), math.hypot(high - value, spread)
    return Measurement(value=gap, low=gap - below, high=gap + above, n=ours.n)


def targets_told(results: Sequence[Result]) -> list[str]:
    """Return a sentence for each target: how well it knows its members, and other images."""
    told = {}
    for result in results:
        target, run = result.target, result.run
        name = f"The target ({attributes(run)['target']}, {run.data})"
        if run.targets is not None:
            name = f"Each of {run.targets} targets ({attributes(run)['target']}, {run.data})"
        learnt = (
            f"{share(target.train_accuracy)} of its {target.train_accuracy.n:,} members"
            if target.train_accuracy.given
            else f"an unknown share of its members ({target.train_accuracy.why})"
        )
        other = f"{share(target.test_accuracy)} of the test part" if target.test_accuracy.given else "nothing known"
        told[target.fingerprint, run.targets] = f"{name} names {learnt} rightly, and {other}."
    return list(dict.fromkeys(told.values()))


def intervals_told(results: Sequence[Result]) -> list[str]:
    """Return what the intervals of some results are about: of single targets, and of models attacked in turn."""
    told = []
    if any(result.run.targets is None for result in results):
        told.append(
            "Intervals are about this target: what other images of the same kind, and other repetitions of the attack, "
            "would give. Another target, trained alike, may lie outside."
        )
    if any(result.run.targets is not None for result in results):
        told.append(
            "Over several targets intervals are about these images: what other models, trained on halves of them, "
            "would give. Other images may lie outside."
        )
    told.append(
        "Attackers judged on the same images are compared image by image, and intervals of differences hold for all "
        "that are compared at once (Bonferroni): two intervals may overlap where the difference is clear."
    )
    return told
