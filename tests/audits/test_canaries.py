"""What attackers prove by canaries, from the judge's arithmetic to whole runs."""

import json

import numpy as np
import pytest

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.audits.canaries import SHARES, PrivacyAudit, Said
from privattack.errors import UserError
from privattack.metrics import epsilon_many_runs, epsilon_of_gaussian, epsilon_one_run
from tests.running import FAST, run_in

AUDIT = (*FAST, "attack=dp_audit", "target.train_size=200", "canaries.count=100", "repetitions=1")


def said(scores: np.ndarray, learnt: np.ndarray, name: str = "loss") -> Said:
    """Return what one attacker says, by run."""
    runs = [[Inference(name, Knowledge.ADAPTIVE, one, one > 0)] for one in scores]
    return Said(runs, list(learnt), [])


def judged(scores, learnt, *, targets=False, **settings):
    audit = PrivacyAudit(**settings).judge(said(scores, learnt), targets=targets, seed=0)
    return {bound.method: bound for bound in audit.bounds}


def coins(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).random(shape) < 0.5


def test_an_attacker_who_errs_nowhere_reaches_the_ceiling_and_a_coin_proves_nothing():
    learnt = np.arange(200).reshape(1, 200) % 2 == 0
    perfect = judged(learnt.astype(float), learnt)["one run"]
    assert (perfect.right, perfect.trials, perfect.canaries) == (200, 200, 200)
    assert perfect.epsilon == perfect.ceiling
    assert perfect.epsilon == epsilon_one_run(200, 200, 200, delta=1e-5, alpha=0.05 / len(SHARES))
    for bound in judged(np.random.default_rng(0).normal(size=(1, 200)), learnt).values():
        assert bound.epsilon == 0 < bound.ceiling


def test_an_attacker_who_is_sure_of_few_guesses_about_few():
    learnt = coins(1, 1_000)
    scores = np.random.default_rng(0).normal(size=(1, 1_000))
    scores[0, :60] += np.where(learnt[0, :60], 9, -9)
    bound = judged(scores, learnt)["one run"]
    assert bound.trials < 200
    assert bound.epsilon > epsilon_one_run(540, 1_000, 1_000, delta=1e-5)


def test_held_out_thresholds_are_judged_on_the_other_half():
    learnt = coins(1, 400)
    scores = np.random.default_rng(0).normal(size=(1, 400)) + 3 * learnt
    bound = judged(scores, learnt, thresholds="held_out")["one run"]
    assert (bound.canaries, bound.thresholds) == (200, "held_out")
    assert 0 < bound.epsilon < bound.ceiling == epsilon_one_run(200, 200, 200, delta=1e-5)


@pytest.mark.parametrize(("count", "thresholds"), [(1, "corrected"), (2, "held_out")])
def test_one_canary_is_too_few_to_call_one_learnt_and_one_not(count, thresholds):
    learnt = coins(40, count)
    found = judged(np.random.default_rng(0).normal(size=(40, count)), learnt, targets=True, thresholds=thresholds)
    assert set(found) == {"many runs", "many runs, Gaussian"}


def test_many_runs_choose_canary_and_threshold_on_half_of_the_runs():
    learnt = coins(40, 10)
    scores = np.random.default_rng(0).normal(size=(40, 10))
    scores[:, 7] += 20 * learnt[:, 7]
    bound = judged(scores, learnt, targets=True)["many runs"]
    present = int(learnt[20:, 7].sum())
    assert (bound.canaries, bound.trials, bound.right) == (1, 20, 20)
    assert bound.epsilon == bound.ceiling == epsilon_many_runs(0, 20 - present, 0, present, delta=1e-5, alpha=0.025)
    assert "many runs" not in judged(scores, learnt)  # repetitions on one target are no runs of it


@pytest.mark.parametrize("thresholds", ["corrected", "held_out"])
def test_bounds_chosen_among_many_stay_below_the_truth(thresholds):
    """60 audits by three attackers, each with a threshold of its own choice, of a Gaussian mechanism."""
    rng, truth, wrong = np.random.default_rng(0), epsilon_of_gaussian(0.3, 1e-5), 0
    for _ in range(60):
        learnt = rng.random((1, 50)) < 0.5
        runs = [
            Inference(f"attack {number}", Knowledge.ADAPTIVE, rng.normal(size=50) + 0.3 * learnt[0], learnt[0])
            for number in range(3)
        ]
        audit = PrivacyAudit(thresholds=thresholds).judge(Said([runs], [learnt[0]], []), targets=False, seed=0)
        wrong += max(bound.epsilon for bound in audit.bounds if bound.method == "one run") > truth
    assert wrong <= 3


def test_a_run_without_shadow_models_audits_its_target(tmp_path):
    result = run_in(
        tmp_path / "a",
        "target.train_size=null",
        "nonmembers=test",
        "target.epochs=60",
        "target.gamma=1",
        settings=AUDIT,
    )
    assert result.get("shadow") is None
    assert result["canaries"]["count"] == 100
    assert 30 < result["canaries"]["learnt"] < 70
    assert {bound["method"] for bound in result["canaries"]["bounds"]} == {"one run", "one run, f-DP"}
    assert result["canaries"]["attackers"]["loss"]["auc"]["n"] == 100
    assert any("epsilon" in finding for finding in result["findings"])
    assert result["target"]["train_accuracy"]["n"] == 1100  # canaries left out


def test_any_attack_of_the_suite_scores_canaries_and_other_images_are_judged_apart(tmp_path):
    result = run_in(tmp_path / "a", "attack=lira", "canaries=natural", "shadow.count=4", settings=AUDIT)
    assert result["audit"]["pool"] == result["audit"]["candidates"] == 500
    assert result["attackers"][0]["metrics"]["auc"]["n"] == 400
    assert result["canaries"]["attackers"]["lira"]["auc"]["n"] == 100
    assert {bound["attacker"] for bound in result["canaries"]["bounds"]} == {"lira"}


def test_models_of_the_bank_are_many_runs(tmp_path):
    result = run_in(tmp_path / "a", "shadow.count=12", "targets=6", settings=AUDIT)
    many = [bound for bound in result["canaries"]["bounds"] if bound["method"] == "many runs"]
    assert [bound["trials"] for bound in many] == [3]


def test_what_a_training_proves_stands_beside_what_attackers_do(tmp_path):
    pytest.importorskip("opacus")
    words = ["defence=dp_sgd", "defence.training.accountant=rdp", "defence.training.delta=1e-3"]
    claims = "claims=[{metric: epsilon, at_most: 8}, {metric: epsilon, at_most: 1}]"
    result = run_in(tmp_path / "a", *words, claims, "target.epochs=1", settings=AUDIT)
    privacy = result["target"]["privacy"]
    assert 2.9 < privacy["epsilon"] <= 3
    assert privacy["accountant"] == "rdp"
    address = json.loads(next((tmp_path / "store").glob("*/recipe.json")).read_text())["recipe"]["recipe"]
    assert (address["class"], address["epsilon"], address["delta"]) == ("DpSgd", 3.0, 1e-3)
    assert [one["state"] for one in result["claims"]] == ["holds", "undecided"]
    assert {bound["delta"] for bound in result["canaries"]["bounds"]} == {1e-3}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["attack=mia", "canaries=natural"], "are judged by attack=dp_audit, and by attacks with shadow models"),
        (["budget=60"], r"budget=60: leaves 60 images to ask about, and there are 100 canaries"),
        (
            ["defence=dp_sgd", "privacy_audit.delta=1e-3"],
            r"privacy_audit.delta=0.001: the training proves its epsilon at defence.training.delta=1e-05",
        ),
        (["budget=105"], r"budget=105: leaves 5 images to ask about beside 100 canaries, from a pool of 400; 40 are"),
        (["target.train_size=10"], r"leaves 20 images to ask about beside 100 canaries, from a pool of 20; 40 are"),
        (["target.members=mine.npy"], "a target whose members this run chooses, and mine.npy says which"),
    ],
)
def test_canaries_that_cannot_be_judged_are_refused(words, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        run_in(tmp_path / "a", *words, settings=AUDIT)
