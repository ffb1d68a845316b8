"""Whole runs on scikit-learn's digits: what a run writes, and that the same run writes the same."""

import csv
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from privattack.data.sources import digits
from privattack.errors import UserError
from privattack.experiment import run
from privattack.models.networks import MLP
from privattack.models.normalised import Normalised
from tests.composing import composed, hydra_of

FAST = ["data=digits", "target=mlp", "target.epochs=3", "surrogate.epochs=2", "trainer=cpu"]
CELLS = [(attack, defence) for attack in ("mea", "mia") for defence in ("none", "label_only", "flatten")]
EXTRACTION = {
    "fidelity", "fidelity_unqueried", "accuracy", "accuracy_unqueried", "fidelity_target_right",
    "fidelity_target_wrong", "kl", "training_loss",
}  # fmt: skip
MEMBERSHIP = {
    "accuracy", "balanced_accuracy", "auc", "tpr_at_fpr_0.1", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001",
    "ppv_at_prior_0.01", "ppv_at_prior_0.1", "ppv_at_prior_0.5",
}  # fmt: skip


def run_in(folder: Path, *overrides: str, settings: list[str] = FAST) -> dict[str, Any]:
    """Run in `folder`, whose neighbours share a store with it."""
    overrides = (*settings, f"store={folder.parent / 'store'}", *overrides)
    config, choices = composed(*overrides), hydra_of(*overrides).runtime.choices
    folder.mkdir()
    named = {group: option for group, option in choices.items() if option is not None}
    return json.loads(run(config, named, folder).to_json())


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    """Return what two runs of one configuration must agree in, in whatever store they keep their targets."""
    kept = json.loads(json.dumps({name: value for name, value in result.items() if name != "timings"}))
    del kept["target"]["trained"], kept["run"]["config"]["store"]
    if "shadow" in kept:
        del kept["shadow"]["trained"]
    return kept


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Return the folder of a run by attack and defence; all six share a store."""
    root = tmp_path_factory.mktemp("cells")
    folders = {cell: root / "-".join(cell) for cell in CELLS}
    for (attack, defence), folder in folders.items():
        run_in(folder, f"attack={attack}", f"defence={defence}", "repetitions=2")
    return folders


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


@pytest.mark.parametrize("cell", CELLS)
def test_a_result_has_the_schema_that_every_report_is_made_from(cells, cell):
    attack, _ = cell
    result = read(cells[cell])
    assert result["schema"] == 1
    assert set(result) - {"pool"} == {
        "schema", "run", "target", "service", "attackers", "findings", "timings", "versions"
    }  # fmt: skip
    assert ("pool" in result) == (attack == "mea")
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
                (event,) = events.Scalars(f"{attacker['name']}/{name}")
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


def test_a_users_own_weights_are_attacked_untrained(tmp_path):
    torch.manual_seed(0)
    torch.save(MLP(classes=10).state_dict(), tmp_path / "mine.pth")
    result = run_in(tmp_path / "run", f"target.checkpoint={tmp_path / 'mine.pth'}", "budget=50")
    assert result["target"]["trained"] is False
    assert result["target"]["test_accuracy"]["value"] < 0.5
    with (tmp_path / "run/training.csv").open() as file:
        assert not [row for row in csv.DictReader(file) if row["model"] == "target"]


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Return weights that learnt the first 300 of the digits, and who they are."""
    folder = tmp_path_factory.mktemp("mine")
    torch.manual_seed(0)
    data, network = digits(), MLP(classes=10)
    train, model = data.train, Normalised(network, data.mean, data.std)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(200):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(train.pixels()[:300]), train.labels[:300]).backward()
        optimiser.step()
    torch.save({"epoch": 200, "state_dict": network.state_dict()}, folder / "mine.pth")
    np.save(folder / "members.npy", np.arange(300))
    torch.save(torch.nn.Sequential(network, torch.nn.Softmax(dim=1)).state_dict(), folder / "soft.pth")
    return folder


def own(folder: Path, *, members: bool = True) -> list[str]:
    named = [f"target.members={folder / 'members.npy'}"] if members else []
    return [f"target.checkpoint={folder / 'mine.pth'}", *named]


@pytest.mark.parametrize(("attack", "name"), [("mia", "adaptive"), ("loss", "loss"), ("gap", "gap")])
def test_own_weights_with_their_members_named_are_asked_who_was_trained_on(attack, name, mine, tmp_path):
    others = ["shadow.other_recipe=true", "shadow.count=4", "shadow.processes=1", "repetitions=1", "budget=600"]
    result = run_in(tmp_path / "run", *own(mine), f"attack={attack}", *others)
    assert result["target"]["train_accuracy"]["n"] == 300
    assert result["run"]["nonmembers"] == "holdout"
    (attacker,) = (one for one in result["attackers"] if one["name"] == name)
    assert attacker["metrics"]["auc"]["value"] > 0.5
    with np.load(tmp_path / "run/splits.npz") as split:
        assert split["members"].tolist() == list(range(300))
        assert split["held_out"].tolist() == list(range(300, 1200))


@pytest.mark.parametrize("attack", ["mia", "loss", "mea_then_mia"])
def test_without_members_a_membership_inference_on_own_weights_is_refused(attack, mine, tmp_path):
    with pytest.raises(UserError, match=r"^target\.checkpoint=.*: nobody says which images .* target\.members="):
        run_in(tmp_path / "run", *own(mine, members=False), f"attack={attack}", "nonmembers=test")
    assert not (tmp_path / "store").exists()


def test_without_members_own_weights_are_extracted_and_nothing_is_said_of_their_training(mine, tmp_path):
    result = run_in(tmp_path / "run", *own(mine, members=False), "attack=mea", "budget=50", "repetitions=1")
    assert result["target"]["train_accuracy"]["value"] is None
    assert "nobody says" in result["target"]["train_accuracy"]["why"]
    with np.load(tmp_path / "run/splits.npz") as split:
        assert set(split.files) == {"queries"}


def test_with_members_the_rest_of_the_training_part_is_a_query_pool(mine, tmp_path):
    result = run_in(tmp_path / "run", *own(mine), "attack=mea", "pool=holdout", "budget=50", "repetitions=1")
    assert result["pool"]["images"] == 900


def test_members_can_be_named_for_a_target_that_is_trained_here(mine, tmp_path):
    result = run_in(tmp_path / "run", f"target.members={mine / 'members.npy'}", "attack=mia", "budget=100")
    assert result["target"]["trained"]
    assert result["target"]["train_accuracy"]["n"] == 300


class Softmax(torch.nn.Sequential):
    def __init__(self, *, classes: int) -> None:
        super().__init__(MLP(classes=classes), torch.nn.Softmax(dim=1))


def test_own_weights_that_answer_probabilities_are_the_same_target_and_it_is_said(mine, tmp_path, caplog):
    caplog.set_level("INFO")
    attack = ["attack=mia", "budget=100", "repetitions=1"]
    logits = run_in(tmp_path / "a", *own(mine), *attack)
    assert "mine.pth: the network answers logits." in caplog.text
    soft = ["target.network._target_=tests.test_experiment.Softmax", f"target.checkpoint={mine / 'soft.pth'}"]
    probabilities = run_in(tmp_path / "b", *own(mine)[1:], *soft, *attack)
    assert "soft.pth: the network answers probabilities." in caplog.text
    for one, other in zip(logits["attackers"], probabilities["attackers"], strict=True):
        assert one["metrics"]["auc"]["value"] == pytest.approx(other["metrics"]["auc"]["value"], abs=0.01)


@pytest.mark.skipif("PRIVATTACK_DATA" not in os.environ, reason="PRIVATTACK_DATA is not set")
@pytest.mark.parametrize("attack", ["mea", "mia"])
def test_mnist_as_its_files_are(tmp_path, attack):
    few = ["target.epochs=1", "target.train_size=500", "budget=200", "surrogate.epochs=1", "trainer=cpu"]
    result = run_in(tmp_path / "run", f"attack={attack}", "nonmembers=test", settings=few)
    assert result["target"]["test_accuracy"]["n"] == 10_000
    assert result["service"]["images"] == 200


SHADOW = (*FAST, "target.train_size=60", "shadow.processes=1")


def test_a_suite_ranks_its_attacks_on_one_transcript_beside_a_blind_one(tmp_path):
    result = run_in(tmp_path / "a", "attack=mia_suite", "shadow.count=16", settings=SHADOW)
    names = [attacker["name"] for attacker in result["attackers"]]
    assert {"loss", "lira", "rmia", "qmia", "bavaria", "blind"} <= set(names)
    assert len(set(names)) == len(names)
    public = 597  # the whole test part: fewer than the attacks would ask about
    assert result["service"]["images"] == result["service"]["unique_images"] == 2 * 60 + public
    assert (result["shadow"]["count"], result["shadow"]["trained"]) == (16, 16)
    assert result["audit"] == {"pool": 120, "candidates": 120, "public": public}
    for attacker in result["attackers"]:
        assert set(attacker["metrics"]) == MEMBERSHIP
        assert attacker["metrics"]["auc"]["n"] == 120
    with np.load(tmp_path / "a" / "splits.npz") as split:
        assert split["pool_membership"].sum() == 60
        assert split["candidates_0"].tolist() == list(range(120))


def test_shadow_models_are_trained_once_whatever_the_attack_and_the_defence(tmp_path):
    first = run_in(tmp_path / "a", "attack=loss", "shadow.count=4", settings=SHADOW)
    second = run_in(tmp_path / "b", "attack=lira", "shadow.count=6", "defence=flatten", settings=SHADOW)
    third = run_in(tmp_path / "c", "attack=lira", "shadow.count=6", "targets=2", "seed=0", settings=SHADOW)
    assert [one["shadow"]["trained"] for one in (first, second, third)] == [4, 2, 0]
    assert first["target"]["fingerprint"] == second["target"]["fingerprint"] != third["target"]["fingerprint"]


def test_several_targets_carry_their_spread(tmp_path):
    result = run_in(tmp_path / "a", "attack=lira", "shadow.count=8", "targets=4", settings=SHADOW)
    assert result["run"]["targets"] == 4
    assert result["target"]["train_accuracy"]["repetitions"] == 4
    assert result["target"]["trained"] is False
    (lira, blind) = result["attackers"]
    for attacker in (lira, blind):
        assert attacker["metrics"]["auc"]["repetitions"] == 4
        assert attacker["metrics"]["auc"]["sd"] > 0
    # The target itself was not needed, so nobody trained it.
    assert not [path for path in (tmp_path / "store").glob("*/history.csv") if path.read_text().strip()]


@pytest.mark.parametrize("overrides", [["attack=mia_suite"], ["attack=lira", "targets=3", "defence=flatten"]])
def test_the_same_inference_with_shadow_models_gives_the_same_result(tmp_path, overrides):
    first = run_in(tmp_path / "a", *overrides, "shadow.count=12", settings=SHADOW)
    (tmp_path / "elsewhere").mkdir()
    again = run_in(tmp_path / "elsewhere" / "b", *overrides, "shadow.count=12", settings=SHADOW)
    assert comparable(first) == comparable(again)


def test_a_service_that_answers_labels_leaves_score_attacks_what_the_label_tells(tmp_path):
    results = [
        run_in(tmp_path / defence, "attack=lira", "shadow.count=6", f"defence={defence}", settings=SHADOW)
        for defence in ("label_only", "flatten")
    ]
    # Both reveal the winning class and nothing else, so an attacker who knows them gets the same from either.
    assert results[0]["attackers"] == results[1]["attackers"]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["attack=mia", "targets=3"], r"^targets=3: needs an attack with shadow models"),
        (["attack=mea", "targets=3"], r"^targets=3: needs an attack with shadow models"),
        (["attack=lira", "targets=5", "shadow.count=8"], r"^targets=5: of shadow\.count=8 .* use 1 to 4"),
        (["attack=lira", "targets=2", "repetitions=3"], r"^repetitions=3: with targets=2 each target is attacked once"),
        (["attack=lira", "targets=2", "target.checkpoint=x.pth"], r"^targets=2: .* leave one of them out"),
        (
            ["attack=rmia", "nonmembers=test", "target.train_size=597"],
            r"^attack\.public=1000: .* choose nonmembers=hold",
        ),
        (["attack=lira", "target.train_size=10"], r"^budget=1000: leaves 20 images .* target\.train_size to 20"),
        (["attack=lira", "budget=30"], r"^budget=30: leaves 30 images .* set budget to 40 or more"),
        (
            ["attack=lira", "target.train_size=1000"],
            r"^target\.train_size=1000: .* 200 non-members; set target\.train_size to 600",
        ),
        (["attack=lira", "shadow.epochs=9"], r"^shadow\.epochs=9: the target is trained with target\.epochs=3"),
        (["pool=holdout", "target.checkpoint=x.pth", "target.train_size=600"], r"^pool=holdout: nobody says which"),
        (["pool=noise", "attack.attackers=[no_query]", "budget=5"], r"^attack\.attackers=\[no_query\]: .* no labels"),
        (["attack=lira", "target.checkpoint=x.pth", "nonmembers=test"], r"^target\.checkpoint=x\.pth: nobody says"),
        (["attack=bavaria", "shadow.count=2"], r"^shadow\.count=2: the attack needs \d+ shadow models or more"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_trained(tmp_path, overrides, sentence):
    with pytest.raises(UserError, match=sentence):
        run_in(tmp_path / "a", *overrides, settings=SHADOW)
    assert not (tmp_path / "store").exists()


def test_another_recipe_for_shadow_models_can_be_asked_for(tmp_path):
    result = run_in(
        tmp_path / "a", "attack=lira", "shadow.count=4", "shadow.epochs=1", "shadow.other_recipe=true", settings=SHADOW
    )
    assert result["shadow"]["trained"] == 4


def test_an_attack_that_needs_no_shadow_model_trains_none(tmp_path):
    result = run_in(tmp_path / "a", "attack=gap", settings=SHADOW)
    assert result["shadow"] is None
    assert len(list((tmp_path / "store").glob("*/recipe.json"))) == 1


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
