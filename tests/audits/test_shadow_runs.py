"""Whole runs of membership inference with shadow models, on scikit-learn's digits."""

import numpy as np
import pytest
import torch

from privattack.errors import UserError
from privattack.models.networks import MLP
from privattack.victims import LocalVictim
from tests.running import FAST, MEMBERSHIP, comparable, run_in

SHADOW = (*FAST, "target.train_size=60")


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
def test_settings_that_cannot_work_are_refused_before_anything_is_trained(tmp_path, monkeypatch, overrides, sentence):
    monkeypatch.chdir(tmp_path)
    torch.save(MLP(classes=10).state_dict(), "x.pth")
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


def test_noise_that_is_fresh_is_each_targets_own(tmp_path, monkeypatch):
    seeds, opened = [], LocalVictim.open

    def noted(victim, *, budget, seed):
        seeds.append(seed)
        return opened(victim, budget=budget, seed=seed)

    monkeypatch.setattr(LocalVictim, "open", noted)
    run_in(tmp_path / "a", "attack=gap", "targets=3", "shadow.count=6", settings=SHADOW)
    assert len(set(seeds)) == len(seeds) == 3


def test_who_asks_again_where_noise_is_fresh_is_an_attacker_of_their_own_and_pays_for_it(tmp_path):
    settings = ("attack=lira", "shadow.count=4", "defence=noise")
    fresh = run_in(tmp_path / "a", *settings, "defence.fresh=true", settings=SHADOW)
    lasting = run_in(tmp_path / "b", *settings, settings=SHADOW)
    assert [one["name"] for one in fresh["attackers"]] == ["lira", "lira_averaged", "blind"]
    assert [one["name"] for one in lasting["attackers"]] == ["lira", "blind"]
    assert fresh["service"]["images"] == 10 * lasting["service"]["images"]
    assert fresh["service"]["unique_images"] == lasting["service"]["unique_images"]
