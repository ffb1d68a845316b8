"""The original study's figures, each of a single run, to stand beside ours."""

from collections.abc import Mapping
from typing import Any

# (attack, defence) -> the metric that the study calls success, and what it published.
PUBLISHED: dict[tuple[str, str], tuple[str, float]] = {
    ("mea", "none"): ("fidelity", 0.8966),
    ("mea", "label_only"): ("fidelity", 0.6744),
    ("mia", "none"): ("accuracy", 0.6927),
    ("mia", "flatten"): ("accuracy", 0.4953),
}
# The settings at which the study measured them.
SETTINGS: dict[str, dict[str, Any]] = {
    "mea": {"data": "mnist", "budget": 3_000},
    "mia": {"data": "mnist", "budget": 20_000, "nonmembers": "emnist"},
}


def headline(metrics: Mapping[str, Any]) -> str:
    """Return the name of the metric that stands for an attacker's success."""
    return "fidelity" if "fidelity" in metrics else "accuracy"


def comparable(run: Mapping[str, Any]) -> bool:
    """Say whether a run, the `run` of a `result.json`, has the settings of the study."""
    settings = SETTINGS.get(run["attack"])
    return settings is not None and all(run[name] == value for name, value in settings.items())
