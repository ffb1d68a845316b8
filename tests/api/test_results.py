"""What `privattack.load` returns."""

import json
import math
import sys

import pytest

import privattack


@pytest.fixture
def folder(write_run, make_result, tmp_path):
    for name, defence in (("a", "none"), ("b", "label_only")):
        attackers = {"published": {"fidelity": 0.8}, "adaptive": {"fidelity": 0.9}}
        write_run(make_result(attackers, defence=defence), name)
    return tmp_path / "sweep"


def test_results_are_the_typed_ones_in_the_order_of_reports(folder):
    found = privattack.load(folder)
    assert [result.run.defence for result in found] == ["none", "label_only"]
    assert len(found) == len(found.runs) == 2
    assert found.findings
    assert privattack.load(folder / "a").result.findings == next(iter(found)).findings
    with pytest.raises(privattack.UserError, match="there are 2 results"):
        found.result  # noqa: B018


def test_a_table_has_a_row_for_each_attacker_and_numbers_where_figures_are(folder):
    pytest.importorskip("pandas")
    found = privattack.load(folder)
    table = found.to_dataframe()
    assert len(table) == sum(len(result.attackers) for result in found)
    expected = [one.figure("fidelity").value for result in found for one in result.attackers]
    assert table["fidelity"].tolist() == pytest.approx(expected)
    assert table["fidelity_low"].dtype == float
    assert set(table["folder"].map(lambda path: path.rsplit("/", 1)[-1])) == {"a", "b"}


def test_a_failed_job_is_a_row_that_says_why(folder):
    pytest.importorskip("pandas")
    run = json.loads((folder / "a/result.json").read_text())["run"]
    (folder / "c").mkdir()
    (folder / "c/failure.json").write_text(json.dumps({"run": run | {"seed": 7}, "why": "no memory"}))
    found = privattack.load(folder)
    assert [failure.why for failure in found.failures] == ["no memory"]
    last = found.to_dataframe().iloc[-1]
    assert (last["why"], last["seed"]) == ("no memory", 7)
    assert math.isnan(last["fidelity"])


def test_without_pandas_one_sentence_says_what_brings_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(privattack.UserError, match=r"pip install 'privattack\[pandas\]'"):
        privattack.load(folder).to_dataframe()


@pytest.mark.parametrize("path", ["page.html", "new/folder"])
def test_a_report_is_one_page(folder, path):
    page = privattack.load(folder).report(folder / path)
    assert page.suffix == ".html"
    assert "label_only" in page.read_text()


def test_what_holds_no_result_is_named(tmp_path):
    with pytest.raises(privattack.UserError, match="there is no such folder"):
        privattack.load(tmp_path / "nowhere")
    with pytest.raises(privattack.UserError, match="holds no result that can be read"):
        privattack.load(tmp_path)
