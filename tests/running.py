"""Whole runs in a test's own folder."""

import json
from pathlib import Path
from typing import Any

from privattack.experiment import run
from tests.composing import composed, hydra_of

FAST = ["data=digits", "target=mlp", "target.epochs=3", "surrogate.epochs=2", "shadow.processes=1", "trainer=cpu"]
MEMBERSHIP = {
    "accuracy", "balanced_accuracy", "auc", "tpr_at_fpr_0.1", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001",
    "ppv_at_prior_0.01", "ppv_at_prior_0.1", "ppv_at_prior_0.5",
}  # fmt: skip


def run_in(folder: Path, *overrides: str, settings: list[str] = FAST) -> dict[str, Any]:
    """Run in `folder`, whose neighbours share a store with it."""
    overrides = (*settings, f"store={folder.parent / 'store'}", *overrides)
    config, choices = composed(*overrides), hydra_of(*overrides).runtime.choices
    folder.mkdir()
    named = {group: option for group, option in choices.items() if option is not None}
    return json.loads(run(config, named, folder).to_json())


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    """Return what two runs of one configuration must agree in, in whatever store they keep their targets."""
    kept = json.loads(json.dumps({name: value for name, value in result.items() if name != "timings"}))
    del kept["target"]["trained"], kept["run"]["config"]["store"]
    if "shadow" in kept:
        del kept["shadow"]["trained"]
    return kept


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())
