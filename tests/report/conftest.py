"""Results as runs write them, small and made up."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

MakeResult = Callable[..., dict[str, Any]]
WriteRun = Callable[..., Path]


def measurement(value: float | None, half_width: float = 0.02, **more: Any) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "n": 10, "why": "too few"}
    return {"value": value, "low": value - half_width, "high": value + half_width, "n": 1000, **more}


@pytest.fixture(scope="session")
def measured() -> Callable[..., dict[str, Any]]:
    return measurement


@pytest.fixture(scope="session")
def make_result() -> MakeResult:
    """Return a function that makes a result out of attackers: {"published": {"fidelity": 0.9}, ...}."""

    def make(attackers: dict[str, dict[str, Any]], **run: Any) -> dict[str, Any]:
        membership = not any("fidelity" in metrics for metrics in attackers.values())
        settings = {
            "attack": "mia" if membership else "mea",
            "defence": "none",
            "data": "digits",
            "nonmembers": "holdout" if membership else None,
            "seed": 0,
            "budget": 3000,
            "repetitions": 3,
            **run,
        }
        config = {
            "budget": settings["budget"],
            "seed": settings["seed"],
            "defence": {"_target_": settings["defence"]},
            "target": {"network": {"_target_": "privattack.models.networks.LeNet"}},
            "nonmembers": {"_target_": "privattack.data.nonmembers.Holdout"},
        }
        return {
            "schema": 1,
            "run": {**settings, "config": config},
            "target": {
                "train_accuracy": measurement(0.95),
                "test_accuracy": measurement(0.9),
                "trained": True,
                "fingerprint": "0123456789abcdef",
            },
            "service": {
                "test_accuracy": measurement(0.9),
                "labels_changed": {"value": 0.0, "low": 0.0, "high": 0.01, "n": 1000},
                "l1": measurement(0.0, 0.0),
            },
            "attackers": [
                {
                    "name": knowledge,
                    "knowledge": knowledge,
                    "metrics": {
                        name: figure if isinstance(figure, dict) else measurement(figure)
                        for name, figure in metrics.items()
                    },
                }
                for knowledge, metrics in attackers.items()
            ],
            "findings": [],
            "timings": {"attack_seconds": 1.5, "total_seconds": 2.0},
            "versions": {"privattack": "0", "python": "3", "torch": "2"},
        }

    return lambda attackers, **run: deepcopy(make(attackers, **run))


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Return a function that writes a result's folder: `result.json` and the curves."""

    def write(result: dict[str, Any], name: str, *, curves: bool = False) -> Path:
        folder = tmp_path / "sweep" / name
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps(result))
        if curves:
            (folder / "roc.csv").write_text("attacker,fpr,tpr\nadaptive,0,0\nadaptive,0.1,0.3\nadaptive,1,1\n")
            (folder / "histograms.csv").write_text(
                "attacker,low,high,members,nonmembers\nadaptive,-1,0,1,3\nadaptive,0,1,3,1\n"
            )
        return folder

    return write
