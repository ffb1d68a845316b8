"""What sentences, tables and plots ask of results: names, best attackers, and figures with their intervals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from privattack.report.published import headline

Result = Mapping[str, Any]
Measurement = Mapping[str, Any]

# A result of 1, 2 or 10 budgets: what tells its runs from others, in the order in which it is named.
FIELDS = ("attack", "defence", "data", "nonmembers", "as_stored", "target", "budget", "seed", "repetitions")


def attributes(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return by `FIELDS` what tells a run, the `run` of a `result.json`, from others."""
    config = run["config"]
    as_stored = config.get("nonmembers", {}).get("as_stored") if run["nonmembers"] else None
    network = config.get("target", {}).get("network", {}).get("_target_", "")
    found = {**run, "as_stored": as_stored, "target": network.rsplit(".", 1)[-1].lower()}
    return {name: found[name] for name in FIELDS}


def varying(runs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return those of `FIELDS` in which runs of the same attack differ, and `attack` where there are several."""
    values: dict[tuple[str, str], set] = {}
    for run in runs:
        for name, value in attributes(run).items():
            values.setdefault((name, "" if name == "attack" else run["attack"]), set()).add(value)
    return [name for name in FIELDS if any(len(seen) > 1 for (of, _), seen in values.items() if of == name)]


def label(run: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return a run's short name, out of the chosen `FIELDS`: `mea, label_only, budget 3,000`."""
    bare = ("attack", "defence", "data", "target")
    words = []
    for name, value in attributes(run).items():
        if name in names and value is not None and value is not False:
            shown = count(value) if name == "budget" else str(value)
            words.append(shown if name in bare else name.replace("_", " ") if value is True else f"{name} {shown}")
    return ", ".join(words)


def count(value: Any) -> str:
    """Return a whole number with its thousands apart, and anything else (a failed job's setting) as it is."""
    return f"{value:,}" if type(value) is int and value >= 1_000 else str(value)


def is_extraction(result: Result) -> bool:
    """Say whether the attack copied the target; otherwise it looked for members."""
    return any("fidelity" in attacker["metrics"] for attacker in result["attackers"])


def best(result: Result, *knowledge: str, metric: str | None = None) -> Mapping[str, Any] | None:
    """Return the attacker with the highest figure among those of some knowledge; None where there is none.

    `metric` is the headline's by default. Attackers for whom it could not be given do not count.
    """
    candidates = [
        attacker
        for attacker in result["attackers"]
        if attacker["knowledge"] in knowledge and given(figure(attacker, metric))
    ]
    return max(candidates, key=lambda attacker: figure(attacker, metric)["value"], default=None)


def figure(attacker: Mapping[str, Any], metric: str | None = None) -> Measurement:
    """Return an attacker's measurement, of the headline by default; a missing one where it has none."""
    metrics = attacker["metrics"]
    missing = {"value": None, "low": None, "high": None, "n": 0, "why": "not measured"}
    return metrics.get(metric or headline(metrics), missing)


def given(measurement: Measurement) -> bool:
    """Say whether a measurement has a value."""
    return measurement["value"] is not None


def above(first: Measurement, second: Measurement) -> bool:
    """Say whether `first` lies above `second` beyond both intervals."""
    return given(first) and given(second) and first["low"] > second["high"]


def share(measurement: Measurement) -> str:
    """Return a share with its interval: `89.7 % [88.9, 90.4]`."""
    value, low, high = (100 * measurement[part] for part in ("value", "low", "high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def plain(measurement: Measurement) -> str:
    """Return a number with its interval: `0.50 [0.49, 0.51]`."""
    return f"{measurement['value']:.2f} [{measurement['low']:.2f}, {measurement['high']:.2f}]"


def points(first: Measurement, second: Measurement) -> str:
    """Return by how much `first` exceeds `second`: `18.1 points`."""
    return f"{100 * (first['value'] - second['value']):.1f} points"
