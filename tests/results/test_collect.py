"""Results are found wherever they lie; a damaged one is named and left out."""

import csv
import json
import logging

import pytest

from privattack.errors import UserError
from privattack.report.make import make
from privattack.report.summary import write_summary
from privattack.results.collect import collect


def test_several_folders_are_read_each_run_once(make_result, write_run):
    first = write_run(make_result({"adaptive": {"accuracy": 0.5, "auc": 0.5}}, seed=1), "first", curves=True)
    second = write_run(make_result({"adaptive": {"fidelity": 0.9}}), "second")
    found = collect([first.parent, first, second / "result.json"])
    assert [run.folder.name for run in found.runs] == ["second", "first"]  # mea before mia
    run = found.runs[1]
    assert run.rocs["adaptive"].tpr == [0.0, 0.3, 1.0]
    assert run.histograms["adaptive"].members == [1.0, 3.0]


DAMAGES = {
    "not JSON": lambda result: None,
    "a newer schema": lambda result: result.update(schema=2),
    "a run without a budget": lambda result: result["run"].pop("budget"),
    "no service": lambda result: result.pop("service"),
    "a figure without an interval": lambda result: result["attackers"][0]["metrics"]["fidelity"].pop("low"),
    "a word for a figure": lambda result: result["attackers"][0]["metrics"]["fidelity"].update(value="high"),
    "an overlap that is no number": lambda result: result.update(
        found={
            "fpr": 0.01,
            "attackers": {},
            "any": {"value": 0.1, "low": 0.0, "high": 0.2, "n": 9},
            "any_fpr": {"value": 0.1, "low": 0.0, "high": 0.2, "n": 9},
            "pairs": [{"first": "a", "second": "b", "jaccard": "all"}],
        }
    ),
    "a figure outside its interval": lambda result: result["attackers"][0]["metrics"]["fidelity"].update(value=2.0),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_result_is_named_and_left_out(make_result, write_run, caplog, damage):
    sound = write_run(make_result({"adaptive": {"fidelity": 0.9}}), "sound")
    damaged = make_result({"adaptive": {"fidelity": 0.9}})
    DAMAGES[damage](damaged)
    folder = write_run(damaged, "damaged")
    if damage == "not JSON":
        (folder / "result.json").write_text('{"schema": 1, "run"')
    with caplog.at_level(logging.WARNING):
        found = collect([sound.parent])
    assert [run.folder.name for run in found.runs] == ["sound"]
    assert str(folder / "result.json") in caplog.text


def test_damaged_curves_do_not_cost_the_result(make_result, write_run, caplog):
    folder = write_run(make_result({"adaptive": {"accuracy": 0.5}}), "run", curves=True)
    (folder / "roc.csv").write_text("attacker,fpr,tpr\nadaptive,0")
    (run,) = collect([folder]).runs
    assert run.rocs == {}
    assert run.histograms
    assert "roc.csv" in caplog.text


def test_a_failed_job_is_found_with_its_reason(make_result, write_run):
    folder = write_run(make_result({"adaptive": {"fidelity": 0.9}}), "sound").parent
    failure = {"run": make_result({"adaptive": {"fidelity": 0.9}}, budget=7)["run"], "why": "budget=7: too few."}
    (folder / "failed").mkdir()
    (folder / "failed/failure.json").write_text(json.dumps(failure))
    (job,) = collect([folder]).failures
    assert (job.run.budget, job.why) == (7, "budget=7: too few.")


def test_a_path_that_is_not_there_or_holds_nothing_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere: there is no such folder"):
        collect([tmp_path / "nowhere"])
    with pytest.raises(UserError, match="holds no result"):
        make([tmp_path], tmp_path)


def test_the_summary_has_a_row_per_attacker_and_per_failed_job(make_result, write_run, tmp_path, measured):
    figure = measured(0.9, sd=0.01, repetitions=3)
    result = make_result({"published": {"fidelity": figure}, "no_query": {"fidelity": None}}, data="mnist")
    folder = write_run(result, "run").parent
    (folder / "failed").mkdir()
    (folder / "failed/failure.json").write_text(json.dumps({"run": result["run"], "why": "no, never"}))
    write_summary(folder / "summary.csv", collect([folder]))
    with (folder / "summary.csv").open(newline="") as file:
        published, no_query, failed = csv.DictReader(file)
    expected = {"attack": "mea", "target": "lenet", "budget": "3000", "attacker": "published", "fidelity": "0.9",
                "fidelity_sd": "0.01", "published_figure": "0.8966", "service_l1": "0.0", "attack_seconds": "1.5",
                "folder": "run", "why": ""}  # fmt: skip
    assert {name: published[name] for name in expected} == expected
    assert (no_query["fidelity"], no_query["published_figure"]) == ("", "")
    assert (failed["attacker"], failed["folder"], failed["why"]) == ("", "failed", "no, never")


def test_the_summary_has_a_column_for_each_setting_that_differs(make_result, write_run):
    for low in (0.05, 0.09):
        result = make_result({"adaptive": {"fidelity": 0.9}}, {"defence.low": low}, defence="flatten")
        folder = write_run(result, str(low)).parent
    write_run(make_result({"adaptive": {"fidelity": 0.9}}), "none")
    write_summary(folder / "summary.csv", collect([folder]))
    with (folder / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["defence"], row["defence.low"]) for row in rows] == [
        ("none", ""), ("flatten", "0.05"), ("flatten", "0.09")
    ]  # fmt: skip
    assert not {"defence.high", "defence._target_", "defence.key"} & set(rows[0])


def test_a_published_figure_stands_in_the_summary_only_beside_the_studys_recipe(make_result, write_run):
    attackers = {"published": {"fidelity": 0.9}}
    for epochs in (25, 5):
        folder = write_run(make_result(attackers, {"target.epochs": epochs}, data="mnist"), str(epochs)).parent
    write_summary(folder / "summary.csv", collect([folder]))
    with (folder / "summary.csv").open(newline="") as file:
        shown = {row["target.epochs"]: row["published_figure"] for row in csv.DictReader(file)}
    assert shown == {"25": "0.8966", "5": ""}


def test_no_cell_of_the_summary_is_a_formula_and_numbers_stay_numbers(make_result, write_run):
    settings = {"attack.first": '=HYPERLINK("http://a")', "attack.second": -0.5, "attack.@third": "+1+1"}
    for name, changed in (("one", settings), ("other", dict.fromkeys(settings, "plain"))):
        folder = write_run(make_result({"adaptive": {"fidelity": 0.9}}, changed), name).parent
    (folder / "-failed").mkdir()
    run = make_result({"adaptive": {"fidelity": 0.9}})["run"]
    (folder / "-failed/failure.json").write_text(json.dumps({"run": run, "why": "=1+1"}))
    write_summary(folder / "summary.csv", collect([folder]))
    with (folder / "summary.csv").open(newline="") as file:
        one, _, failed = csv.DictReader(file)
    assert one["attack.first"] == '\'=HYPERLINK("http://a")'
    assert (one["attack.second"], one["attack.@third"]) == ("-0.5", "'+1+1")
    assert (failed["folder"], failed["why"]) == ("'-failed", "'=1+1")
