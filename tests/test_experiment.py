"""Whole runs on scikit-learn's digits: what a run writes, and that the same run writes the same."""

import csv
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from privattack.errors import UserError
from privattack.report.tensorboard import HEADLINES
from tests.running import MEMBERSHIP, comparable, read, run_in

CELLS = [(attack, defence) for attack in ("mea", "mia") for defence in ("none", "label_only", "flatten")]
EXTRACTION = {
    "fidelity", "fidelity_unqueried", "accuracy", "accuracy_unqueried", "fidelity_target_right",
    "fidelity_target_wrong", "kl", "training_loss",
}  # fmt: skip


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Return the folder of a run by attack and defence; all six share a store."""
    root = tmp_path_factory.mktemp("cells")
    folders = {cell: root / "-".join(cell) for cell in CELLS}
    for (attack, defence), folder in folders.items():
        run_in(folder, f"attack={attack}", f"defence={defence}", "repetitions=2")
    return folders


@pytest.mark.parametrize("cell", CELLS)
def test_a_result_has_the_schema_that_every_report_is_made_from(cells, cell):
    attack, _ = cell
    result = read(cells[cell])
    assert result["schema"] == 1
    assert set(result) - {"pool", "exposed"} == {
        "schema", "run", "target", "service", "attackers", "claims", "findings", "timings", "versions"
    }  # fmt: skip
    assert ("pool" in result) == (attack == "mea") != ("exposed" in result)
    assert set(result["run"]) >= {
        "attack", "defence", "data", "nonmembers", "seed", "budget", "repetitions", "config"
    }  # fmt: skip
    assert (result["run"]["attack"], result["run"]["defence"]) == cell
    assert (result["run"]["data"], result["run"]["seed"], result["run"]["repetitions"]) == ("digits", 0, 2)
    assert result["run"]["nonmembers"] == (None if attack == "mea" else "holdout")
    assert set(result["target"]) >= {"train_accuracy", "test_accuracy", "trained", "fingerprint"}
    assert set(result["service"]) >= {"images", "unique_images", "refused", "test_accuracy", "labels_changed", "l1"}
    assert set(result["timings"]) >= {"target_seconds", "query_seconds", "attack_seconds", "total_seconds"}
    assert set(result["versions"]) >= {"privattack", "python", "torch"}
    assert all(isinstance(sentence, str) for sentence in result["findings"])
    assert [attacker["knowledge"] for attacker in result["attackers"]] == (
        ["published", "adaptive", "no_query"] if attack == "mea" else ["published", "adaptive", "blind"]
    )
    for attacker in result["attackers"]:
        assert set(attacker["metrics"]) >= (EXTRACTION if attack == "mea" else MEMBERSHIP)


def measurements(content: object) -> list[dict[str, Any]]:
    if isinstance(content, dict):
        return [content] if "low" in content else [one for part in content.values() for one in measurements(part)]
    return [one for part in content for one in measurements(part)] if isinstance(content, list) else []


@pytest.mark.parametrize("cell", CELLS)
def test_every_figure_has_its_n_and_its_interval_or_says_why_not(cells, cell):
    result = read(cells[cell])
    del result["run"]["config"]["defence"]  # flatten has a setting named low
    found = measurements(result)
    assert len(found) > 20
    for one in found:
        assert isinstance(one["n"], int)
        if one["value"] is None:
            assert one["why"]
            assert one["low"] is one["high"] is None
        else:
            assert -math.inf < one["low"] <= one["value"] <= one["high"] < math.inf
    for attacker in result["attackers"]:
        assert all(
            {"sd", "repetitions"} <= set(one) for one in attacker["metrics"].values() if one["value"] is not None
        )


@pytest.mark.parametrize("cell", CELLS)
def test_the_budget_is_spent_and_no_more(cells, cell):
    result = read(cells[cell])
    assert result["service"]["images"] == result["run"]["budget"] == {"mea": 200, "mia": 1000}[cell[0]]
    assert result["service"]["unique_images"] <= result["service"]["images"]
    assert result["service"]["refused"] == 0


def test_label_only_and_flatten_keep_every_label_and_distort_the_scores(cells):
    for cell in CELLS:
        service = read(cells[cell])["service"]
        assert service["labels_changed"]["value"] == 0.0
        assert (service["l1"]["value"] > 0.01) == (cell[1] != "none")


def test_six_runs_of_one_target_train_it_once(cells):
    assert [read(cells[cell])["target"]["trained"] for cell in CELLS] == [True] + 5 * [False]
    assert len({read(cells[cell])["target"]["fingerprint"] for cell in CELLS}) == 1


@pytest.mark.parametrize("cell", CELLS)
def test_the_curves_are_tables(cells, cell):
    with (cells[cell] / "training.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    target = [float(row["value"]) for row in rows if (row["model"], row["metric"]) == ("target", "loss")]
    assert len(target) == 3  # also where the target came from the store
    assert target[-1] < target[0]
    assert (cells[cell] / "roc.csv").exists() == (cell[0] == "mia")
    if cell[0] == "mia":
        with (cells[cell] / "roc.csv").open(newline="") as file:
            curve = [row for row in csv.DictReader(file) if row["attacker"] == "blind"]
        rates = [(float(row["fpr"]), float(row["tpr"])) for row in curve]
        assert rates == sorted(rates)
        assert rates[-1] == (1.0, 1.0)


@pytest.mark.parametrize("cell", CELLS)
def test_tensorboard_has_the_figures_and_one_line_of_settings(cells, cell):
    result = read(cells[cell])
    events = EventAccumulator(str(cells[cell])).Reload()
    for attacker in result["attackers"]:
        for name, figure in attacker["metrics"].items():
            if figure["value"] is not None:
                tag = f"{HEADLINES[name]}/{attacker['name']}" if name in HEADLINES else f"{attacker['name']}/{name}"
                (event,) = events.Scalars(tag)
                assert event.value == pytest.approx(figure["value"], rel=1e-5)
    assert events.SummaryMetadata("_hparams_/session_start_info").plugin_data.plugin_name == "hparams"
    assert {path.parent for path in cells[cell].rglob("events.out.tfevents.*")} == {cells[cell]}


def test_the_split_says_who_was_a_member_and_no_judged_image_was_known(cells):
    with np.load(cells["mia", "none"] / "splits.npz", allow_pickle=False) as split:
        assert len(split["members"]) == 600
        assert not set(split["members"]) & set(split["held_out"])
        for repetition in ("0", "1"):
            known, unknown = (split[f"candidates_{repetition}_{part}"] for part in ("known", "unknown"))
            assert not set(known) & set(unknown)
        assert split["candidates_0_members"].tolist() != split["candidates_1_members"].tolist()
    with np.load(cells["mea", "none"] / "splits.npz", allow_pickle=False) as split:
        first, second = split["queries"]
        assert len(set(first)) == len(first) == len(second)
        assert first.tolist() != second.tolist()


@pytest.mark.parametrize("attack", ["mea", "mia"])
def test_the_same_run_gives_the_same_result_and_another_seed_another(tmp_path, attack):
    overrides = [f"attack={attack}", "defence=flatten", "budget=100"]
    first = run_in(tmp_path / "first", *overrides)
    again = run_in(tmp_path / "again", *overrides)
    assert (first["target"]["trained"], again["target"]["trained"]) == (True, False)
    (tmp_path / "elsewhere").mkdir()
    torch.rand(7)  # whatever other code drew before
    afresh = run_in(tmp_path / "elsewhere/afresh", *overrides)
    assert afresh["target"]["trained"]
    assert comparable(first) == comparable(again) == comparable(afresh)
    splits = [(tmp_path / name / "splits.npz").read_bytes() for name in ("first", "again", "elsewhere/afresh")]
    assert splits[0] == splits[1] == splits[2]
    other = run_in(tmp_path / "other", *overrides, "seed=1")
    assert other["attackers"] != first["attackers"]
    assert other["target"]["fingerprint"] != first["target"]["fingerprint"]


def test_an_attackers_figures_do_not_depend_on_which_others_run(tmp_path):
    alone = run_in(tmp_path / "alone", "budget=50", "attack.attackers=[no_query]")["attackers"]
    beside = run_in(tmp_path / "beside", "budget=50")["attackers"]
    assert [attacker["name"] for attacker in beside] == ["published", "adaptive", "no_query"]
    for name, figure in alone[0]["metrics"].items():
        # Side by side, sums are rounded in another order.
        assert beside[2]["metrics"][name]["value"] == pytest.approx(figure["value"], abs=0.01)


@pytest.mark.skipif("PRIVATTACK_DATA" not in os.environ, reason="PRIVATTACK_DATA is not set")
def test_mnist_as_its_files_are(tmp_path):
    few = ["target.epochs=1", "target.train_size=500", "budget=200", "surrogate.epochs=1", "trainer=cpu"]
    result = run_in(tmp_path / "run", "attack=mia", "nonmembers=test", settings=few)
    assert result["target"]["test_accuracy"]["n"] == 10_000
    assert result["service"]["images"] == 200


@pytest.mark.parametrize("defence", [["defence=none"], ["defence=flatten", "defence.fresh=true"]], ids=str)
def test_a_curve_over_budgets_is_what_single_runs_find(tmp_path, defence):
    together = run_in(tmp_path / "a", "attack=mea", "budget=[60,200,100]", "repetitions=2", *defence)
    assert together["run"]["budget"] == 200
    for attacker in together["attackers"]:
        assert [point["budget"] for point in attacker["curve"]] == [60, 100, 200]
        assert attacker["curve"][-1]["metrics"] == attacker["metrics"]
    for number, budget in enumerate((60, 100)):
        alone = run_in(tmp_path / f"b{budget}", "attack=mea", f"budget={budget}", "repetitions=2", *defence)
        for attacker, single in zip(together["attackers"], alone["attackers"], strict=True):
            assert attacker["curve"][number]["metrics"] == single["metrics"]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["attack=mia", "budget=[10,20]"], r"^budget=\[10, 20\]: a curve over budgets is model extraction's"),
        (["attack=mea_then_mia", "budget=[10,20]"], r"^budget=\[10, 20\]: a curve over budgets is model extraction's"),
        (["attack=mea", "budget=[10,2000]"], r"^budget=2000: the query pool has 597 images"),
    ],
)
def test_budgets_that_cannot_work_are_refused(tmp_path, overrides, sentence):
    with pytest.raises(UserError, match=sentence):
        run_in(tmp_path / "a", *overrides)


def test_inference_on_a_copy_stands_beside_inference_on_its_target(tmp_path):
    result = run_in(tmp_path / "a", "attack=mea_then_mia", "attack.candidates=400", "repetitions=2")
    names = [attacker["name"] for attacker in result["attackers"]]
    assert names == ["published", "adaptive", "published_on_copy", "adaptive_on_copy", "blind"]
    assert all(attacker["metrics"]["auc"]["repetitions"] == 2 for attacker in result["attackers"])
    assert set(result["copy"]) == {"fidelity", "accuracy"}
    assert result["service"]["images"] == 200  # what the extraction asked
    direct = run_in(tmp_path / "b", "attack=mia", "budget=400", "repetitions=2")
    assert direct["attackers"][:2] == result["attackers"][:2]


def test_a_copy_is_never_asked_about_an_image_that_it_was_made_from(tmp_path):
    with pytest.raises(UserError, match=r"^attack\.candidates=400: with 600 members and 0 non-members"):
        run_in(tmp_path / "a", "attack=mea_then_mia", "attack.candidates=400", "nonmembers=test")


def test_what_an_extraction_costs_and_whether_its_examples_transfer(tmp_path):
    result = run_in(tmp_path / "a", "attack=mea", "price=2.5", "transfer.epsilon=0.2", "transfer.images=50")
    assert (result["service"]["rounds"], result["service"]["money"]) == (1, 0.5)
    assert result["pool"] == {"images": 597, "judged_by": 597}
    for attacker in result["attackers"]:
        assert attacker["metrics"]["transfer_pgd"]["n"] == attacker["metrics"]["transfer_fgsm"]["n"] == 50


def test_a_curve_begins_where_the_attack_has_enough_to_start(tmp_path, caplog):
    result = run_in(tmp_path / "a", "attack=jbda", "budget=[100,150,200]", "repetitions=1")
    assert [point["budget"] for point in result["attackers"][0]["curve"]] == [150, 200]
    assert "the attack needs 150 queries to start, so its curve begins at 150" in caplog.text
    with pytest.raises(UserError, match=r"^budget=149: the attack needs 150 queries to start"):
        run_in(tmp_path / "b", "attack=jbda", "budget=149")


def test_a_monitor_says_when_it_saw_the_attack_and_what_it_says_of_honest_clients(tmp_path):
    watched = ("attack=jbda", "attack.start=30", "monitor=near_duplicates", "repetitions=1", "budget=120")
    result = run_in(tmp_path / "watched", *watched)
    assert result["watching"]["false_alarms"]["n"] == 1
    assert result["watching"]["alarms"]["n"] == 1
    assert sum("the monitor" in sentence.lower() for sentence in result["findings"]) == 1
    assert "watching" not in run_in(tmp_path / "alone", *watched[:2], *watched[3:])
