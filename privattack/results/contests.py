"""Extraction attacks against the same service, budget by budget."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from privattack.measurement import Measurement
from privattack.results.curves import at_each_budget
from privattack.results.differences import difference
from privattack.results.figures import best
from privattack.results.naming import FIELDS, IMMATERIAL, attributes, below, flat, label, varying
from privattack.results.result import Attacker, Result

RANDOM = "mea"  # the attack that asks about images drawn at random
# What contestants may differ in.
OWN = ("attack", "budget", "transfer", "nonmembers", "shadow", "shadow_members")


@dataclass(frozen=True)
class Contestant:
    """An attack, by its adaptive attacker where it has one: its figures by budget."""

    name: str
    is_adaptive: bool
    is_random: bool
    points: dict[int, Attacker] = field(default_factory=dict)


@dataclass(frozen=True)
class Contest:
    """Attacks that differ from each other in nothing but the attack.

    Attributes:
        floor: by budget, who never queries: that of random images where it is there.
        target: the target's accuracy.
    """

    title: str
    target: Measurement
    contestants: dict[str, Contestant] = field(default_factory=dict)
    floor: dict[int, Attacker] = field(default_factory=dict)

    @cached_property
    def random(self) -> Contestant | None:
        """The adaptive attacker who asks about random images."""
        return next((one for one in self.contestants.values() if one.is_random and one.is_adaptive), None)

    @cached_property
    def budgets(self) -> list[int]:
        """The budgets at which there are two to compare."""
        every = sorted({budget for one in self.contestants.values() for budget in one.points})
        return [budget for budget in every if len(self.standing(budget)) > 1]

    def standing(self, budget: int) -> list[tuple[Contestant, Measurement]]:
        """Return who has a fidelity at a budget, the best first."""
        known = [
            (one, one.points[budget].figure("fidelity")) for one in self.contestants.values() if budget in one.points
        ]
        return sorted((pair for pair in known if pair[1].given), key=lambda pair: -pair[1].known.value)

    def lead(self, budget: int) -> Measurement:
        """Return by how much the best one exceeds the one whom it exceeds least surely, all others compared at once."""
        (first, _), *others = self.standing(budget)
        gaps = [self.difference(first, other, budget, comparisons=len(others)) for other, _ in others]
        return min(gaps, key=lambda gap: gap.known.low)

    def difference(self, first: Contestant, second: Contestant, budget: int, *, comparisons: int) -> Measurement:
        """Return by how much one's fidelity exceeds another's at a budget."""
        return difference(first.points[budget], second.points[budget], "fidelity", comparisons=comparisons)


def contests(results: Sequence[Result]) -> list[Contest]:
    """Return the contests with two attacks or more, over the budgets of all runs and of their curves."""
    extracting = [result for result in results if result.is_extraction and contender(result)]
    varied = varying(result.run for result in extracting)
    shared = ["defence", *(name for name in varied if name != "defence" and not below(name, OWN))]
    own = ["attack", *(name for name in varied if name.startswith("attack."))]
    found: dict[tuple[str, str], Contest] = {}
    # Random queries first: whoever else is there, they look the same.
    for result in sorted(extracting, key=lambda result: result.run.attack != RANDOM):
        title, name = label(result.run, shared), label(result.run, own)
        alike = conditions(result, lambda name: below(name, OWN))
        contest = found.setdefault((title, alike), Contest(title, result.target.test_accuracy))
        is_adaptive = best(result, "adaptive", metric="fidelity") is not None
        contestant = contest.contestants.setdefault(name, Contestant(name, is_adaptive, result.run.attack == RANDOM))
        contestant.points.update(contender_by_budget(result))
        for one in at_each_budget(result):
            for without in one.having("no_query"):
                contest.floor.setdefault(one.run.budget, without)
    titles = [label(one.run, shared) for one in extracting]
    several = [contest for contest in found.values() if len(contest.contestants) > 1 and contest.budgets]
    return sorted(several, key=lambda contest: titles.index(contest.title))


def contender(result: Result) -> Attacker | None:
    """Return the attacker by whom attacks are compared: the adaptive one, where there is one."""
    return best(result, "adaptive", metric="fidelity") or best(result, "published", metric="fidelity")


def contender_by_budget(result: Result) -> dict[int, Attacker]:
    """Return the contender with their figures at each budget of their curve."""
    entrant = contender(result)
    return {
        one.run.budget: other
        for one in at_each_budget(result)
        for other in one.attackers
        if entrant is not None and other.name == entrant.name
    }


def conditions(result: Result, is_own: Callable[[str], bool]) -> str:
    """Return what results must share to be compared in settings of their own; the very target included."""
    named = {name: value for name, value in attributes(result.run).items() if name in FIELDS and not is_own(name)}
    settings = {
        name: value
        for name, value in flat(result.run.config).items()
        # Where there are several budgets, the run's is the largest: it is named.
        if name != "budget" and not is_own(name) and not IMMATERIAL.intersection(name.split("."))
    }
    return json.dumps([named, settings, result.target.fingerprint], sort_keys=True, default=str)
