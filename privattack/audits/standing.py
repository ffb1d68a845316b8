"""What a result says of targets themselves: their accuracy, and what their defence costs honest users."""

import math
from collections.abc import Sequence
from dataclasses import asdict

from privattack.audits.judges import judge_defence
from privattack.data.images import DataSet
from privattack.metrics import Measurement, over_targets, proportion
from privattack.models.store import fingerprint
from privattack.models.targets import TrainedTarget
from privattack.monitors.base import Watched
from privattack.randomness import derive
from privattack.results.proofs import Privacy
from privattack.results.result import Target
from privattack.victims import LocalVictim, Standing


def standing_of(victims: Sequence[LocalVictim], data: DataSet, *, seed: int) -> Standing:
    """Return what stands of the models that were attacked, one or several; an honest user pays for their defence.

    Args:
        seed: the run's.
    """
    targets = [victim.target for victim in victims]
    sessions = (one.defence.honest if isinstance(one.defence, Watched) else one.defence.session for one in victims)
    honest = [session(derive(seed, "honest user")) for session in sessions]
    costs, microseconds = judge_defence(honest, data.test, [target.test_log_probabilities for target in targets])
    seconds = sum(target.seconds for target in targets)
    return Standing(_target(targets, data), costs, seconds, microseconds)


def _target(targets: Sequence[TrainedTarget], data: DataSet) -> Target:
    learnt = [_learnt(target) for target in targets]
    right = [target.test_log_probabilities.argmax(dim=1) == data.test.labels for target in targets]
    fingerprints = [target.fingerprint for target in targets]
    return Target(
        train_accuracy=_combined(learnt),
        test_accuracy=_combined([proportion(hits.numpy()) for hits in right]),
        trained=any(target.trained for target in targets),
        fingerprint=fingerprints[0] if len(targets) == 1 else fingerprint({"targets": fingerprints}),
        classes=data.classes,
        chance=float(data.test.labels.bincount().max() / len(data.test)),
        **_privacy(targets[0]),
    )


def _privacy(target: TrainedTarget) -> dict[str, Privacy]:
    if target.privacy is None:
        return {}
    proved = asdict(target.privacy)
    return {"privacy": Privacy(**proved | {"epsilon": proved["epsilon"] if math.isfinite(proved["epsilon"]) else None})}


def _learnt(target: TrainedTarget) -> Measurement:
    if target.member_hits is None:
        return Measurement.missing(0, "nobody says which images the target was trained on")
    return proportion(target.member_hits.numpy())


def _combined(figures: list[Measurement]) -> Measurement:
    """Return the figure of the target, or the mean where several models were attacked in its place."""
    return figures[0] if len(figures) == 1 else over_targets(figures)
