"""Whichever of Hydra's launchers runs a sweep's jobs, its user finds the same; by name, `pytest -m slow`.

What a sweep in one process leaves is tested in test_main.py, too.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "run.py"
FAST = ("data=digits", "target=mlp", "target.epochs=1", "target.train_size=200", "surrogate.epochs=1", "trainer=cpu")
pytestmark = pytest.mark.slow

PLUGINS = {
    "basic": "hydra",
    "joblib": "hydra_plugins.hydra_joblib_launcher",
    "submitit_local": "hydra_plugins.hydra_submitit_launcher",
    "ray": "hydra_plugins.hydra_ray_launcher",
}


def sweep(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Run a sweep as a process of its own, for launchers leave processes behind that last as long as it."""
    # One thread in each process: sums have one order.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(RUN.parent)}
    command = [sys.executable, str(RUN), *FAST, "-m", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400)


def figures(folder: Path) -> dict[int, list]:
    """Return by budget what each attacker of a sweep's runs reached."""
    found = [json.loads(path.read_text()) for path in folder.rglob("result.json")]
    return {one["run"]["budget"]: one["attackers"] for one in found}


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list]:
    """Return the figures of a sweep whose jobs ran in one process, one after the other."""
    folder = tmp_path_factory.mktemp("one_by_one")
    assert sweep(folder, "budget=20,30").returncode == 0
    return figures(folder)


@pytest.mark.parametrize("launcher", PLUGINS)
def test_a_sweep_with_a_job_that_fails_ends_alike(launcher, tmp_path, one_by_one):
    pytest.importorskip(PLUGINS[launcher])
    ended = sweep(tmp_path, f"hydra/launcher={launcher}", "budget=0,20,30")
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.splitlines()[-1] == "Error: budget=0: needs a whole number from 1 up."
    (folder,) = tmp_path.glob("outputs/sweep-*")
    assert figures(folder) == one_by_one
    (failure,) = folder.rglob("failure.json")
    assert [path.name for path in failure.parent.iterdir()] == ["failure.json"]
    assert len([*folder.rglob("run.log")]) == 2
    (page,) = tmp_path.rglob("report.html")
    assert "budget=0: needs a whole number from 1 up." in page.read_text()
    with next(tmp_path.rglob("summary.csv")).open(newline="") as file:
        assert {row["budget"] for row in csv.DictReader(file)} == {"0", "20", "30"}
    assert page.parent == folder


def test_optuna_looks_for_the_highest_figure_and_goes_on_after_a_job_that_fails(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    words = ("hparams_search=surrogate", "hydra.sweeper.n_trials=4", "budget=choice(0,50)", "repetitions=1")
    ended = sweep(tmp_path, *words)
    assert ended.returncode == 1, ended.stderr
    (folder,) = tmp_path.glob("outputs/sweep-*")
    assert len([*folder.rglob("result.json")]) + len([*folder.rglob("failure.json")]) == 4
    ((_, attackers),) = figures(folder).items()
    assert "best_value: 0." in (folder / "optimization_results.yaml").read_text()
    assert attackers
