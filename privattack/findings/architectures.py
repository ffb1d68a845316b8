"""What it is worth to an attacker to know the target's architecture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from privattack.findings.contests import placed
from privattack.results.contests import conditions, contender, contender_by_budget
from privattack.results.differences import difference, is_clear
from privattack.results.figures import apart, share
from privattack.results.naming import attributes, below, count, flat, label, varying
from privattack.results.result import Attacker, Result, Run

# What surrogates may differ in (older results hold a copy of it), and what has no part in an extraction.
OWN = ("surrogate.network", "attack.surrogates.network", "transfer", "nonmembers", "shadow", "shadow_members")
ByBudget = dict[int, Attacker]


@dataclass(frozen=True)
class Surrogates:
    """Surrogates by one attack on one target, by their architecture and budget.

    Attributes:
        architecture: the target's.
        alike: those of that architecture.
        others: those of another, by its name.
    """

    title: str
    architecture: str
    alike: ByBudget = field(default_factory=dict)
    others: dict[str, ByBudget] = field(default_factory=dict)


def architecture_worth(results: Sequence[Result]) -> list[str]:
    """Return for each attack and service how surrogates of the target's own architecture compare with others."""
    found = _surrogates(results)
    sentences = []
    for surrogates in found:
        for name, fidelity in surrogates.others.items():
            if shared := sorted(surrogates.alike.keys() & fidelity.keys()):
                pairs = {budget: (surrogates.alike[budget], fidelity[budget]) for budget in shared}
                sentence = _sentence(surrogates.architecture, name, pairs)
                sentences.append(placed(surrogates.title, sentence, several=len(found) > 1))
    return sentences


def _surrogates(results: Sequence[Result]) -> list[Surrogates]:
    extracting = [result for result in results if result.is_extraction and contender(result)]
    varied = varying(result.run for result in extracting)
    shown = ["attack", "defence", *(name for name in varied if not below(name, ("surrogate", "budget")))]
    found: dict[str, Surrogates] = {}
    for result in extracting:
        run = result.run
        target = attributes(run)["target"]
        surrogates = found.setdefault(conditions(result, _is_own), Surrogates(label(run, shown), target))
        network = _network(run, "surrogate")
        is_alike = network == _network(run, "target")
        fidelity = surrogates.alike if is_alike else surrogates.others.setdefault(_name(network), {})
        for budget, attacker in contender_by_budget(result).items():
            if attacker.figure("fidelity").given:
                fidelity[budget] = attacker
    return list(found.values())


def _is_own(name: str) -> bool:
    return name == "surrogate" or any(name == own or name.startswith(f"{own}.") for own in ("budget", *OWN))


def _network(run: Run, group: str) -> dict[str, Any]:
    """Return a network's class and settings."""
    network, whole = f"{group}.network.", flat(run.config)
    found = {name.removeprefix(network): value for name, value in whole.items() if name.startswith(network)}
    return {name: value for name, value in found.items() if name != "_partial_"}


def _name(network: Mapping[str, Any]) -> str:
    """Return a network's class and settings in words; the module too, where it is not ours."""
    path = str(network.get("_target_", "")).removeprefix("privattack.models.networks.")
    settings = [f"{name} {value}" for name, value in network.items() if name != "_target_"]
    return ", ".join([path if "." in path else path.lower(), *settings])


def _sentence(architecture: str, other: str, pairs: Mapping[int, tuple[Attacker, Attacker]]) -> str:
    gaps = {budget: difference(*pair, "fidelity", comparisons=len(pairs)) for budget, pair in pairs.items()}
    budget = max(gaps, key=lambda one: max(gaps[one].known.low, -gaps[one].known.high))
    alike, different = (attacker.figure("fidelity") for attacker in pairs[budget])
    gap = gaps[budget]
    if is_clear(gap):
        verdict = f"knowing the architecture is worth {apart(gap)}"
    elif gap.known.high < 0:
        own, others = pairs[budget]
        worse = difference(others, own, "fidelity", comparisons=len(pairs))
        verdict = f"trained alike, the target's own is the worse one by {apart(worse)}"
    else:
        verdict = "knowing the architecture is worth nothing that can be measured"
    if len(pairs) > 1:
        better, worst = sum(is_clear(one) for one in gaps.values()), sum(one.known.high < 0 for one in gaps.values())
        verdict += f"; beyond chance it is ahead at {better} of {len(pairs)} budgets, behind at {worst}"
    return (
        f"at {count(budget)} queries a surrogate of the target's own architecture ({architecture}) reaches "
        f"{share(alike)} fidelity, one of another ({other}) {share(different)}: {verdict}."
    )
