"""What the strongest attacker reaches behind each defence, against what honest users pay for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from privattack.measurement import Measurement
from privattack.results.differences import difference
from privattack.results.figures import QUERYING, best, compared_by, widened
from privattack.results.naming import below, flat, label, varying
from privattack.results.result import Attacker, Result

NO_DEFENCE = "privattack.defences.none.NoDefence"
# What runs may differ in and still be compared: of a defence's runs, the one in which the attack does best counts.
BESIDES = ("defence", "budget", "seed", "repetitions", "targets")


@dataclass(frozen=True)
class Behind:
    """A defence at one strength.

    Attributes:
        name: the defence, with the settings in which it differs from others.
        kind: its class, which all of its strengths share.
        attacker: the strongest who queries.
        success: theirs, with an interval that holds for all attackers among whom they were chosen.
    """

    name: str
    kind: str
    result: Result
    attacker: Attacker
    success: Measurement

    @property
    def chosen_from(self) -> int:
        """Among how many attackers the strongest was chosen."""
        return len(self.result.having(*QUERYING))


@dataclass(frozen=True)
class Frontier:
    """Defences of one service against one attack, by a metric."""

    title: str
    metric: str
    points: Sequence[Behind]

    @cached_property
    def undefended(self) -> Behind | None:
        """The service without a defence; None where there was no such run."""
        return next((one for one in self.points if one.kind == NO_DEFENCE), None)

    @cached_property
    def floor(self) -> Measurement | None:
        """What an attacker reaches who never queries, the best of all runs."""
        known = [
            one.figure(self.metric)
            for point in self.points
            for one in point.result.having("no_query", "blind")
            if one.figure(self.metric).given
        ]
        return max(known, key=lambda one: one.known.value, default=None)

    @cached_property
    def front(self) -> list[Behind]:
        """The defences than which no other leaves attackers as little and its users as much."""
        return [one for one in self.points if not any(_beats(other, one) for other in self.points)]

    def lost(self, point: Behind) -> Measurement | None:
        """Return what the strongest attacker loses to a defence, paired and corrected; None without an undefended run.

        The correction is for all defences that are compared, and for the attackers among whom each was chosen.
        """
        if self.undefended is None or point is self.undefended:
            return None
        comparisons = (len(self.points) - 1) * point.chosen_from
        return difference(self.undefended.attacker, point.attacker, self.metric, comparisons=comparisons)


def frontiers(results: Sequence[Result]) -> list[Frontier]:
    """Return a frontier for all that differs in nothing but the defence, where there are two defences or more."""
    querying = [result for result in results if result.having(*QUERYING)]
    names = varying(result.run for result in querying)
    shared = ["attack", *(name for name in names if name != "attack" and not below(name, BESIDES))]
    own = ["defence", *(name for name in names if below(name, ("defence",)))]
    groups: dict[str, list[Result]] = {}
    for result in querying:
        groups.setdefault(label(result.run, shared), []).append(result)
    found = []
    for title, group in groups.items():
        metric, strongest = compared_by(*group), dict[str, Behind]()
        for result in group:
            attacker = best(result, *QUERYING, metric=metric)
            if attacker is None:
                continue
            wide = widened(attacker.figure(metric), len(result.having(*QUERYING)))
            success = replace(wide, low=max(wide.known.low, 0.0), high=min(wide.known.high, 1.0))
            config = flat(result.run.config)
            kind = str(config.get("defence.training._target_") or config.get("defence._target_", result.run.defence))
            point = Behind(label(result.run, own), kind, result, attacker, success)
            known = strongest.get(point.name)
            if known is None or success.known.value > known.success.known.value:
                strongest[point.name] = point
        if len(strongest) > 1:
            found.append(Frontier(title, metric, list(strongest.values())))
    return found


def _beats(other: Behind, one: Behind) -> bool:
    """Say whether a defence is no worse in anything and better in something."""
    ours, theirs = _scales(one), _scales(other)
    return theirs != ours and all(better <= worse for better, worse in zip(theirs, ours, strict=True))


def _scales(point: Behind) -> tuple[float, ...]:
    """Return what a defence is measured by, each the better the lower."""
    service = point.result.service
    paid = [service.l1.known.value if service.l1.given else 0.0]
    paid += [-service.test_accuracy.known.value if service.test_accuracy.given else 0.0]
    paid += [service.calibration.known.value if service.calibration.given else 0.0]
    return (point.success.known.value, *paid)
