"""What it is worth to an attacker to know the target's architecture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from privattack.findings.contests import placed
from privattack.measurement import Measurement
from privattack.results.contests import conditions, contender, contender_by_budget
from privattack.results.figures import ahead, beyond, share
from privattack.results.naming import attributes, below, count, flat, label, varying
from privattack.results.result import Result, Run

# What surrogates may differ in (older results hold a copy of it), and what has no part in an extraction.
OWN = ("surrogate.network", "attack.surrogates.network", "transfer", "nonmembers", "shadow", "shadow_members")
ByBudget = dict[int, Measurement]


@dataclass(frozen=True)
class Surrogates:
    """Fidelity of surrogates by one attack on one target, by their architecture and budget.

    Attributes:
        architecture: the target's.
        alike: of surrogates of that architecture.
        others: of surrogates of another, by its name.
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
                fidelity[budget] = attacker.figure("fidelity")
    return list(found.values())


def _is_own(name: str) -> bool:
    return name == "surrogate" or any(name == own or name.startswith(f"{own}.") for own in ("budget", *OWN))


def _network(run: Run, group: str) -> dict[str, Any]:
    """Return a network's class and settings."""
    network = flat(run.config.get(group, {}).get("network"))
    return {name: value for name, value in network.items() if name != "_partial_"}


def _name(network: Mapping[str, Any]) -> str:
    """Return a network's class and settings in words; the module too, where it is not ours."""
    path = str(network.get("_target_", "")).removeprefix("privattack.models.networks.")
    settings = [f"{name} {value}" for name, value in network.items() if name != "_target_"]
    return ", ".join([path if "." in path else path.lower(), *settings])


def _sentence(architecture: str, other: str, pairs: Mapping[int, tuple[Measurement, Measurement]]) -> str:
    gains = {budget: beyond(alike, different) for budget, (alike, different) in pairs.items()}
    losses = {budget: beyond(different, alike) for budget, (alike, different) in pairs.items()}
    budget = max(pairs, key=lambda one: max(gains[one], losses[one]))
    alike, different = pairs[budget]
    apart = 100 * abs(ahead(alike, different))
    if gains[budget] > 0:
        verdict = f"knowing the architecture is worth {apart:.1f} points"
    elif losses[budget] > 0:
        verdict = f"trained alike, the target's own is the worse one by {apart:.1f} points"
    else:
        verdict = "knowing the architecture is worth nothing that can be measured"
    if len(pairs) > 1:
        better, worse = (sum(gap > 0 for gap in gaps.values()) for gaps in (gains, losses))
        verdict += f"; beyond the intervals it is ahead at {better} of {len(pairs)} budgets, behind at {worse}"
    return (
        f"at {count(budget)} queries a surrogate of the target's own architecture ({architecture}) reaches "
        f"{share(alike)} fidelity, one of another ({other}) {share(different)}: {verdict}."
    )
