import copy
import csv

import pytest
from lightning.pytorch.loggers import CSVLogger

from privattack.errors import UserError
from privattack.report.loggers import Forgiving, tell
from tests.made_up_results import measurement, typed
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


def test_lightnings_trainer_tells_a_logger_what_callbacks_see_and_each_epoch_once(tmp_path):
    watch = "trainer.callbacks={rate: {_target_: lightning.pytorch.callbacks.LearningRateMonitor}}"
    seen = "+trainer.callbacks.rate.log_momentum=${verbose}"
    run_in(tmp_path / "run", "logger=csv", "trainer.lightning=true", watch, seen, settings=SMALL)
    with (tmp_path / "run/csv/metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["lr-Adadelta"]) for row in rows if row["lr-Adadelta"]] == [1.0]
    assert len([row for row in rows if row["target/loss"]]) == 1
    assert [row for row in rows if row["surrogate/published_loss"]]


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


class Broken(CSVLogger):
    def log_hyperparams(self, *_: object) -> None:
        raise ValueError("no such name")


class Deaf(CSVLogger):
    """Fails at whatever a Trainer tells it."""

    def log_metrics(self, *_: object, **__: object) -> None:
        raise ConnectionError("the server is away")


class Away(CSVLogger):
    """Fails once it is asked for its server, and is back when the training is done."""

    @property
    def experiment(self):
        if not vars(self).setdefault("asked", False):
            self.asked = True
            raise ConnectionError("the server is away")
        return super().experiment


@pytest.mark.parametrize(("kind", "back"), [("Deaf", False), ("Away", True)])
def test_a_logger_that_fails_while_a_training_goes_on_costs_nothing_but_a_warning(kind, back, tmp_path, caplog):
    words = [
        "trainer.lightning=true",
        f"+logger={{_target_: tests.report.test_loggers.{kind}, name: csv, version: ''}}",
    ]
    assert run_in(tmp_path / "run", *words, settings=SMALL)["target"]["trained"]
    said = [message for message in caplog.messages if message.startswith("logger: ")]
    first = f"logger: {kind} could not be told the training (ConnectionError: the server is away)."
    last = f"logger: {kind} could not be told this run (ConnectionError: the server is away)."
    assert said == ([first] if back else [first, last])
    if back:
        with (tmp_path / "run/csv/metrics.csv").open(newline="") as file:
            assert len([row for row in csv.DictReader(file) if row["target/loss"]]) == 1


def test_a_logger_that_may_fail_is_copied_like_another(tmp_path):
    assert copy.copy(Forgiving(CSVLogger(str(tmp_path), "csv"))).name == "csv"


def test_a_logger_that_fails_costs_no_result(make_result, tmp_path, caplog):
    tell(Broken(str(tmp_path)), typed(make_result({"loss": {"accuracy": measurement(0.6)}})), {})
    assert caplog.messages == ["logger: Broken could not be told this run (ValueError: no such name)."]
