"""A result is written and read by one type, as strict JSON."""

import json
import math

import pytest

from privattack.measurement import Measurement
from privattack.results.result import Result
from tests.made_up_results import typed


@pytest.fixture(params=["extraction", "suite", "older"])
def made(request, make_extraction, make_suite, make_result):
    """Return the content of a `result.json`."""
    if request.param == "extraction":
        return make_extraction({"adaptive": {100: 0.7, 300: 0.1 + 0.2}, "no_query": {100: 0.5, 300: 0.6}})
    return make_suite() if request.param == "suite" else make_result({"published": {"fidelity": None}})


def test_a_result_is_read_back_as_it_was_written_part_by_part_in_its_order(made, tmp_path):
    result = typed(made)
    result.write(tmp_path)
    text = (tmp_path / "result.json").read_text()
    assert Result.from_json(text) == result
    assert list(json.loads(text)["service"]) == [name for name in ORDER if name in made["service"]]
    assert json.loads(text) == made


ORDER = (
    "images", "unique_images", "refused", "rounds", "money", "test_accuracy", "labels_changed", "l1", "calibration",
)  # fmt: skip


def test_settings_that_are_not_finite_are_words(make_result):
    document = make_result({"adaptive": {"fidelity": 0.9}}, {"attack.rate": math.inf, "attack.rates": [math.nan]})

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    attack = json.loads(typed(document).to_json(), parse_constant=refuse)["run"]["config"]["attack"]
    assert (attack["rate"], attack["rates"]) == ("Infinity", ["NaN"])


@pytest.mark.parametrize("seconds", [math.nan, math.inf])
def test_figures_that_are_not_finite_are_no_result(make_result, seconds):
    document = make_result({"adaptive": {"fidelity": 0.9}})
    document["timings"]["attack_seconds"] = seconds
    with pytest.raises(ValueError, match=r"timings\.attack_seconds"):
        typed(document)


def test_what_older_results_lack_is_left_out_when_they_are_written_again(make_result):
    document = make_result({"adaptive": {"fidelity": 0.9}})
    result = typed(document)
    assert (result.run.pool, result.service.rounds, result.target.classes) == (None, None, 10)
    assert "curve" not in json.loads(result.to_json())["attackers"][0]


def test_a_metric_that_an_attacker_lacks_is_missing_and_says_why(make_result):
    (attacker,) = typed(make_result({"adaptive": {"accuracy": 0.6}})).attackers
    assert attacker.figure() == attacker.figure("accuracy")
    assert attacker.figure("auc") == Measurement.missing(0, "not measured")
    with pytest.raises(ValueError, match="missing: not measured"):
        assert attacker.figure("auc").known


def test_a_write_that_fails_leaves_the_earlier_file_whole(make_result, tmp_path, monkeypatch):
    def fail(_):
        raise OSError("no space left on the disk")

    typed(make_result({"adaptive": {"fidelity": 0.9}})).write(tmp_path)
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        typed(make_result({"adaptive": {"fidelity": 0.5}})).write(tmp_path)
    assert json.loads((tmp_path / "result.json").read_text())["attackers"][0]["metrics"]["fidelity"]["value"] == 0.9
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
