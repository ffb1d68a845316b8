"""What more queries are worth to an attacker."""

from collections.abc import Sequence
from itertools import pairwise

from privattack.findings.contests import placed
from privattack.findings.subjects import joined
from privattack.results.contests import OWN, conditions, contender_by_budget
from privattack.results.differences import difference, is_clear
from privattack.results.figures import apart
from privattack.results.naming import below, count, label, varying
from privattack.results.result import Attacker, Result


def budgets_worth(results: Sequence[Result]) -> list[str]:
    """Return for each service what each step to more queries brings the attack that is best with the most queries."""
    extracting = [result for result in results if result.is_extraction]
    varied = varying(result.run for result in extracting)
    shown = ["defence", *(name for name in varied if name != "defence" and not below(name, OWN))]
    own = ["attack", *(name for name in varied if name.startswith("attack."))]
    services: dict[tuple[str, str], dict[str, dict[int, Attacker]]] = {}
    for result in extracting:
        alike = conditions(result, lambda name: below(name, OWN))
        attacks = services.setdefault((label(result.run, shown), alike), {})
        points = {budget: one for budget, one in contender_by_budget(result).items() if one.figure("fidelity").given}
        attacks.setdefault(label(result.run, own), {}).update(points)
    said = {
        (title, alike): _sentence(*max(attacks.items(), key=lambda one: _reached(one[1])))
        for (title, alike), attacks in services.items()
        if max(map(len, attacks.values())) > 1
    }
    return [placed(title, sentence, several=len(said) > 1) for (title, _), sentence in said.items() if sentence]


def _reached(points: dict[int, Attacker]) -> tuple[int, float]:
    largest = max(points, default=0)
    return largest, points[largest].figure("fidelity").known.value if points else 0.0


def _sentence(attack: str, points: dict[int, Attacker]) -> str | None:
    steps = list(pairwise(sorted(points)))
    gaps = {
        (fewer, more): difference(points[more], points[fewer], "fidelity", comparisons=len(steps))
        for fewer, more in steps
    }
    words = {step: f"from {count(step[0])} to {count(step[1])}" for step, gap in gaps.items() if gap.given}
    gains = [f"{apart(gaps[step])} {where}" for step, where in words.items() if is_clear(gaps[step])]
    if level := [where for step, where in words.items() if not is_clear(gaps[step])]:
        gains.append(f"nothing that can be measured {joined(level)}")
    return f"with more queries {attack} gains in fidelity: {joined(gains)}." if gains else None
