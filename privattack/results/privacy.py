"""What results say of privacy: what a training proves, what attackers prove, and what canaries give away."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from privattack.measurement import Measurement
from privattack.results.figures import QUERYING, widened
from privattack.results.naming import below, label, varying
from privattack.results.proofs import Bound
from privattack.results.result import Result


@dataclass(frozen=True)
class Standing:
    """A defence with canaries among its members: what it leaves attackers, and what it costs.

    Attributes:
        bound: what attackers prove at least.
        claim: what its training proves; None where that is nothing.
        private: whether it is one whose training could prove something: DP-SGD, be it without noise.
    """

    name: str
    result: Result
    bound: Bound
    claim: float | None
    private: bool

    @property
    def accuracy(self) -> Measurement:
        """The accuracy that honest users see."""
        return self.result.service.test_accuracy

    def success(self, metric: str, *, canaries: bool) -> Measurement:
        """Return the best attacker's figure on canaries, or on all other images, with an interval for all attackers."""
        querying = self.result.having(*QUERYING)
        figures = [one.figure(metric) for one in querying]
        if canaries and self.result.canaries is not None:
            figures = [self.result.canaries.attackers[one.name][metric] for one in querying]
        best = max(figures, key=lambda one: one.known.value if one.given else -1.0)
        return widened(best, len(figures)) if best.given else best


def strongest(result: Result) -> Bound | None:
    """Return the bound that says most of a mechanism of any kind, not of Gaussian ones alone; None without canaries."""
    bounds = result.canaries.bounds if result.canaries else []
    return max((one for one in bounds if not one.gaussian), key=lambda one: (one.epsilon, one.ceiling), default=None)


def ceiling(result: Result) -> float:
    """Return what the attackers could have proved at most of a mechanism of any kind, by whatever method."""
    bounds = result.canaries.bounds if result.canaries else []
    return max((one.ceiling for one in bounds if not one.gaussian), default=0.0)


def at_least(epsilon: float, decimals: int = 2) -> str:
    """Return a lower bound rounded down, so that no more is said than is proved."""
    return str(Decimal(str(epsilon)).quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN))


def at_most(epsilon: float, decimals: int = 2) -> str:
    """Return an upper bound rounded up."""
    return str(Decimal(str(epsilon)).quantize(Decimal(1).scaleb(-decimals), ROUND_UP))


def told_apart(bound: float, proof: float) -> tuple[str, str]:
    """Return a lower and an upper bound with the decimals that it takes to see that the lower one is above."""
    decimals = 2
    while bound > proof and Decimal(at_least(bound, decimals)) <= Decimal(at_most(proof, decimals)):
        decimals += 1
    return at_least(bound, decimals), at_most(proof, decimals)


def proved(result: Result) -> float | None:
    """Return the epsilon that the training proves; None where that is nothing."""
    return None if result.target.privacy is None else result.target.privacy.epsilon


def standings(results: Sequence[Result]) -> dict[str, list[Standing]]:
    """Return the defences of runs with canaries, by what the runs share: attack, canaries and all else."""
    audited = [one for one in results if strongest(one)]
    names = varying(one.run for one in audited)
    shared = ["attack", *(name for name in names if name != "attack" and not below(name, ("defence",)))]
    own = ["defence", *(name for name in names if below(name, ("defence",)))]
    found: dict[str, list[Standing]] = {}
    for result in audited:
        bound = strongest(result)
        assert bound is not None
        standing = Standing(label(result.run, own), result, bound, proved(result), result.target.privacy is not None)
        found.setdefault(label(result.run, shared), []).append(standing)
    return found
