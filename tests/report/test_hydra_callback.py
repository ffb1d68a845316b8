"""After a run, and after a sweep, the report lies there without another command."""

import logging
import subprocess
import sys

import pytest
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from privattack.report.hydra_callback import Report


def config(folder):
    return OmegaConf.create({"hydra": {"runtime": {"output_dir": str(folder)}, "sweep": {"dir": str(folder)}}})


def test_a_sweep_gets_a_table_a_page_and_pictures(make_result, write_run, capsys):
    for budget, fidelity in ((100, 0.5), (1000, 0.8)):
        attackers = {"published": {"fidelity": 0.2}, "adaptive": {"fidelity": fidelity}}
        folder = write_run(make_result(attackers, budget=budget), str(budget)).parent
    Report().on_multirun_end(config(folder))
    assert (folder / "summary.csv").exists()
    assert (folder / "report.html").exists()
    assert EventAccumulator(str(folder)).Reload().Tags()["images"] == ["fidelity_against_budget"]
    said = capsys.readouterr().out
    assert "finding: 1,000 queries: the published attack underrates" in said
    assert f"report: {folder / 'report.html'}" in said


def test_a_run_gets_a_page_and_pictures_of_its_own(make_result, write_run, capsys):
    folder = write_run(make_result({"adaptive": {"accuracy": 0.5, "auc": 0.5}}), "run", curves=True)
    Report().on_run_end(config(folder))
    assert capsys.readouterr().out == f"report: {folder / 'report.html'}\n"
    assert EventAccumulator(str(folder)).Reload().Tags()["images"] == ["roc", "histograms"]


def test_a_report_that_fails_says_so_and_costs_nothing(make_result, write_run, monkeypatch, caplog):
    folder = write_run(make_result({"adaptive": {"fidelity": 0.5}}), "run")

    def fail(*_, **__):
        raise RuntimeError("no space left\non the disk")

    monkeypatch.setattr("privattack.report.make.write_page", fail)
    with caplog.at_level(logging.WARNING):
        Report().on_run_end(config(folder))
    assert f"The report could not be made (no space left); the results are in {folder}." in caplog.text
    assert (folder / "result.json").exists()


@pytest.mark.parametrize("end", ["on_run_end", "on_multirun_end"])
def test_where_nothing_was_written_there_is_no_report(tmp_path, capsys, end):
    getattr(Report(), end)(config(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_hydra_can_make_the_callback_without_importing_anything_slow():
    slow = "{'torch', 'matplotlib', 'numpy'}"
    program = f"import sys, privattack.report.hydra_callback; print({slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
