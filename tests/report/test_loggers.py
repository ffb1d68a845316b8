import csv

import pytest

from privattack.errors import UserError
from tests.running import run_in

SMALL = ["data=digits", "target=mlp", "debug=fast", "budget=40", "trainer=cpu"]


def test_a_logger_is_told_settings_trainings_and_figures(tmp_path):
    result = run_in(tmp_path / "run", "logger=csv", settings=SMALL)
    with (tmp_path / "run/csv/metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    told = {name: float(value) for row in rows for name, value in row.items() if value}
    for attacker in result["attackers"]:
        assert told[f"{attacker['name']}/fidelity"] == attacker["metrics"]["fidelity"]["value"]
    assert {"target/loss", "target/test_accuracy"} <= told.keys()
    assert "budget: 40" in (tmp_path / "run/csv/hparams.yaml").read_text()


@pytest.mark.parametrize(("package", "option"), [("wandb", "wandb"), ("mlflow", "mlflow")])
def test_other_loggers_work_without_a_network(package, option, tmp_path):
    pytest.importorskip(package)
    run_in(tmp_path / "run", f"logger={option}", settings=SMALL)
    assert any(option in path.name or "mlruns" in str(path) for path in (tmp_path / "run").rglob("*"))


def test_a_logger_that_does_not_take_its_settings_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(UserError, match=r"^logger\._target_=.*CSVLogger: does not take the settings under logger"):
        run_in(tmp_path / "run", "logger=csv", "+logger.colour=1", settings=SMALL)
    assert not (tmp_path / "store").exists()


def test_debug_runs_every_part_once(tmp_path):
    config = run_in(tmp_path / "run", settings=SMALL)["run"]["config"]
    assert (config["repetitions"], config["target"]["epochs"], config["shadow"]["count"]) == (1, 1, 4)
