"""Results as runs write them, small and made up."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from privattack.results.result import Result

MakeResult = Callable[..., dict[str, Any]]
WriteRun = Callable[..., Path]

DEFENCES = {
    "none": {"_target_": "privattack.defences.none.NoDefence"},
    "label_only": {"_target_": "privattack.defences.label_only.LabelOnly", "tiny": 1e-7},
    "flatten": {"_target_": "privattack.defences.flatten.Flatten", "low": 0.09, "high": 0.1, "key": 0},
}
NONMEMBERS = {"holdout": "Holdout", "emnist": "Emnist", "test": "TestPart"}


def measurement(value: float | None, half_width: float = 0.02, **more: Any) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "n": 10, "why": "too few"}
    return {"value": value, "low": value - half_width, "high": value + half_width, "n": 1000, **more}


def typed(made: Any) -> Any:
    """Return what was made up as its type: a result, or a list of results."""
    return [typed(one) for one in made] if isinstance(made, list) else Result.from_json(json.dumps(made))


def composed(run: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that Hydra would have composed for a run: those of the study where nothing else is said."""
    surrogate = {
        "_target_": "privattack.models.surrogate.SurrogateTrainer", "epochs": 10, "lr": 1e-3, "batch_size": 64,
        "network": {"_target_": "privattack.models.networks.MLP"}, "accelerator": "auto", "progress": True,
    }  # fmt: skip
    config = {
        "seed": run["seed"], "repetitions": run["repetitions"], "targets": run.get("targets"),
        "store": "outputs/store", "verbose": False,
        "shadow": {
            "count": 16, "processes": None, "epochs": 25, "network": {"_target_": "privattack.models.networks.LeNet"}
        },
        "target": {
            "seed": run["seed"], "epochs": 25, "lr": 1.0, "gamma": 0.7, "batch_size": 64, "train_size": None,
            "checkpoint": None, "network": {"_target_": "privattack.models.networks.LeNet"},
        },
        "surrogate": surrogate,
        "nonmembers": {"_target_": f"privattack.data.image_sources.{NONMEMBERS.get(run['nonmembers'], 'Holdout')}"},
        "data": {"_target_": f"privattack.data.sources.{run['data']}"},
        "budget": run["budget"],
        "attack": {"_target_": f"privattack.attacks.{run['attack']}"},
        "defence": DEFENCES.get(run["defence"], {"_target_": f"privattack.defences.{run['defence']}"}),
        "trainer": {"accelerator": "auto", "progress": True},
    }  # fmt: skip
    config = deepcopy(config)
    if "key" in config["defence"]:
        config["defence"]["key"] = run["seed"]
    return config


@pytest.fixture(scope="session")
def measured() -> Callable[..., dict[str, Any]]:
    return measurement


@pytest.fixture(scope="session")
def make_result() -> MakeResult:
    """Return a function that makes a result out of attackers: {"published": {"fidelity": 0.9}, ...}.

    An attacker has the knowledge that they are called by, `adaptive` where it is none. `settings` go into the
    configuration by their dotted names, those of the target into the shadow models', too; all else is of the run.
    """

    def make(
        attackers: dict[str, dict[str, Any]], settings: Mapping[str, Any] | None = None, **run: Any
    ) -> dict[str, Any]:
        membership = not any("fidelity" in metrics for metrics in attackers.values())
        run = {
            "attack": "mia" if membership else "mea",
            "defence": "none",
            "data": "digits",
            "nonmembers": "holdout" if membership else None,
            "seed": 0,
            "budget": 3000,
            "repetitions": 3,
            **run,
        }
        config = composed(run)
        for name, value in (settings or {}).items():
            change(config, name, value)
            if (
                name in ("target.epochs", "target.network._target_")
                and f"shadow.{name.removeprefix('target.')}" not in settings
            ):
                change(config, f"shadow.{name.removeprefix('target.')}", value)
        return {
            "schema": 1,
            "run": {**run, "config": config},
            "target": {
                "train_accuracy": measurement(0.95),
                "test_accuracy": measurement(0.9),
                "trained": True,
                "fingerprint": "0123456789abcdef",
            },
            "service": {
                "images": run["budget"],
                "test_accuracy": measurement(0.9),
                "labels_changed": {"value": 0.0, "low": 0.0, "high": 0.01, "n": 1000},
                "l1": measurement(0.0, 0.0),
            },
            "attackers": [
                {
                    "name": name,
                    "knowledge": name if name in ("published", "adaptive", "blind", "no_query") else "adaptive",
                    "metrics": {
                        metric: figure if isinstance(figure, dict) else measurement(figure)
                        for metric, figure in metrics.items()
                    },
                }
                for name, metrics in attackers.items()
            ],
            "findings": [],
            "timings": {"attack_seconds": 1.5, "total_seconds": 2.0},
            "versions": {"privattack": "0", "python": "3", "torch": "2"},
        }

    return lambda attackers, *settings, **run: deepcopy(make(attackers, *settings, **run))


def change(config: dict[str, Any], name: str, value: Any) -> None:
    *groups, last = name.split(".")
    for group in groups:
        config = config.setdefault(group, {})
    config[last] = value


@pytest.fixture(scope="session")
def make_extraction(make_result: MakeResult) -> MakeResult:
    """Return a function that makes an extraction judged at several budgets: {"adaptive": {100: 0.7, 300: 0.8}}."""

    def make(
        curves: dict[str, dict[int, float]], *settings: Any, half_width: float = 0.01, **run: Any
    ) -> dict[str, Any]:
        def metrics(fidelity: float) -> dict[str, Any]:
            return {
                name: measurement(fidelity - less, half_width)
                for name, less in (("fidelity", 0), ("accuracy", 0.02), ("accuracy_unqueried", 0.03))
            }

        largest = max(budget for curve in curves.values() for budget in curve)
        attackers = {name: metrics(curve[largest]) for name, curve in curves.items()}
        result = make_result(attackers, *settings, **{"budget": largest, "pool": "test", **run})
        for attacker, curve in zip(result["attackers"], curves.values(), strict=True):
            attacker["curve"] = [{"budget": budget, "metrics": metrics(value)} for budget, value in curve.items()]
        result["pool"] = {"images": 10_000, "judged_by": 1_000}
        result["service"] |= {"rounds": 3, "money": None}
        return result

    return make


# TPR at 1 % FPR, which ranks them, of as many attacks as a suite has.
SUITE = {
    "loss": 0.011, "gap": 0.0, "confidence": 0.012, "entropy": 0.009, "modified_entropy": 0.012, "shokri": 0.015,
    "attack_r": 0.031, "calibrated": 0.034, "lira": 0.081, "lira_offline": 0.052, "rmia": 0.079,
    "rmia_offline": 0.055, "qmia": 0.02, "bavaria": 0.08,
}  # fmt: skip


@pytest.fixture(scope="session")
def make_suite(make_result: MakeResult) -> MakeResult:
    """Return a function that makes the result of a suite of attacks with shadow models, and a blind one."""

    def make(rates: dict[str, float] = SUITE, *settings: Any, half_width: float = 0.004, **run: Any) -> dict[str, Any]:
        def metrics(rate: float) -> dict[str, Any]:
            auc = 0.5 + rate * 1.5
            return {
                "accuracy": measurement(0.5 + rate), "balanced_accuracy": measurement(0.5 + rate),
                "auc": measurement(auc, 0.01), "tpr_at_fpr_0.1": measurement(min(0.1 + 2 * rate, 0.97)),
                "tpr_at_fpr_0.01": measurement(rate, min(half_width, rate)),
                "tpr_at_fpr_0.001": measurement(None), "ppv_at_prior_0.5": measurement(0.6),
            }  # fmt: skip

        attackers = {name: metrics(rate) for name, rate in rates.items()} | {"blind": metrics(0.0)}
        result = make_result(attackers, *settings, **{"attack": "mia_suite", "targets": 8, **run})
        result["target"]["classes"] = 10
        result["shadow"] = {
            "count": 64, "trained": 64, "train_accuracy": measurement(0.95), "test_accuracy": measurement(0.9)
        }  # fmt: skip
        result["found"] = {
            "fpr": 0.01,
            "attackers": {name: measurement(rate, min(half_width, rate)) for name, rate in rates.items()},
            "any": measurement(0.14),
            "any_fpr": measurement(0.03, 0.005),
            "pairs": [
                {"first": first, "second": second, "jaccard": None if "gap" in (first, second) else 0.5}
                for first, second in combinations(rates, 2)
            ],
        }
        return result

    return make


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Return a function that writes a result's folder: `result.json` and the curves."""

    def write(result: dict[str, Any], name: str, *, curves: bool = False) -> Path:
        folder = tmp_path / "sweep" / name
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps(result))
        if curves:
            names = [one["name"] for one in result["attackers"] if one["name"] != "blind"]
            rocs = "".join(f"{one},0,0\n{one},0.1,0.3\n{one},1,1\n" for one in names)
            (folder / "roc.csv").write_text(f"attacker,fpr,tpr\n{rocs}")
            bins = "".join(f"{one},-1,0,1,3\n{one},0,1,3,1\n" for one in names)
            (folder / "histograms.csv").write_text(f"attacker,low,high,members,nonmembers\n{bins}")
        return folder

    return write
