"""Attacks are compared budget by budget, and only with those that differ in the attack alone."""

import math
from copy import deepcopy

import pytest

from privattack.findings.findings import findings
from privattack.results.contests import contests
from tests.made_up_results import typed

RANDOM = {100: 0.70, 300: 0.80, 1000: 0.90}


@pytest.fixture
def make(make_extraction):
    def make(curve, attack="mea", *settings, **run):
        without = {budget: 0.6 for budget in curve}
        return make_extraction(
            {"published": curve, "adaptive": curve, "no_query": without}, *settings, attack=attack, **run
        )

    return make


@pytest.fixture
def results(make):
    better, same = {100: 0.75, 300: 0.86, 1000: 0.91}, {100: 0.66, 300: 0.80, 1000: 0.90}
    return [make(better, "activethief"), make(same, "knockoff"), make(RANDOM)]


def test_attacks_on_one_service_are_ranked_at_each_budget(results):
    (contest,) = contests(typed(results))
    assert contest.budgets == [100, 300, 1000]
    assert [one.name for one, _ in contest.standing(300)] == ["activethief", "mea", "knockoff"]
    assert contest.lead(300).value == pytest.approx(0.06)
    assert contest.lead(300).known.low == pytest.approx(0.06 - math.hypot(0.01, 0.01) * 2.2414 / 1.96, abs=1e-5)
    assert contest.lead(1000).known.low < 0
    assert contest.random.name == "mea"


def test_a_sweep_over_budgets_is_the_same_contest_as_runs_with_curves(make, results):
    apart = [
        make({point["budget"]: point["metrics"]["fidelity"]["value"]}, result["run"]["attack"])
        for result in results
        for point in result["attackers"][0]["curve"]
    ]
    assert findings(typed(apart))[:3] == findings(typed(results))[:3]
    (swept,), (curved,) = contests(typed(apart)), contests(typed(results))
    for budget in RANDOM:
        standing = [[(one.name, measured) for one, measured in each.standing(budget)] for each in (swept, curved)]
        assert standing[0] == standing[1]


@pytest.mark.parametrize("differing", [
    ({"surrogate.epochs": 5}, {}), ({}, {"seed": 1}), ({}, {"pool": "usps"}), ({}, {"defence": "label_only"}),
])  # fmt: skip
def test_attacks_that_differ_in_more_than_the_attack_are_not_compared(make, differing):
    settings, run = differing
    assert contests(typed([make(RANDOM), make(RANDOM, "activethief", settings, **run)])) == []


def test_settings_of_an_attack_are_contestants_of_their_own(make):
    knockoffs = [make(RANDOM, "knockoff", {"attack.round": number}) for number in (10, 50)]
    (contest,) = contests(typed([make(RANDOM), *knockoffs]))
    assert list(contest.contestants) == ["mea", "knockoff, attack.round 10", "knockoff, attack.round 50"]


def test_which_attack_is_best_and_where(results):
    assert findings(typed(results))[0] == (
        "At 300 queries activethief is the best attack: 86.0 % [85.0, 87.0] fidelity, 4.4 points or more ahead "
        "of each other attack (next: mea, 80.0 % [79.0, 81.0]); so it is at 100; at 1,000 none is ahead of all others "
        "beyond chance."
    )


def test_each_strategy_is_compared_with_random_queries_in_one_sentence(results):
    said = findings(typed(results))
    assert (
        "activethief beats mea (random queries) at 100 and 300 queries, by 6.0 points [4.3, 7.7] where it is surest."
        in said
    )
    assert "knockoff beats mea (random queries) beyond chance at no budget; mea beats it at 100 queries." in said
    assert not any(sentence.startswith("mea beats") for sentence in said)


def test_that_surrogates_are_judged_by_images_of_the_pool_is_said_where_strategies_are_compared(results):
    sentence = "1,000 of the images that surrogates are judged by lie in the pool test (data digits):"
    assert [one.startswith(sentence) for one in findings(typed(results))].count(True) == 1
    assert any("pool=holdout keeps them apart" in one for one in findings(typed(results[:1])))
    assert not any(
        "pool=holdout keeps them apart" in one for one in findings(typed(results[2:]))
    )  # random queries alone
    made = deepcopy(results[0])  # an attack that asks about images of its own making
    for attacker in made["attackers"]:
        attacker["metrics"]["fidelity_unqueried"] = attacker["metrics"]["fidelity"]
    assert not any("pool=holdout keeps them apart" in one for one in findings(typed([made])))
    for result in results:
        result["pool"]["judged_by"] = 0
    assert not any("pool=holdout keeps them apart" in one for one in findings(typed(results)))


def test_who_never_asks_has_images_that_the_answers_chose_where_there_are_rounds(results):
    in_rounds, at_once = results[0], results[2]
    at_once["service"]["rounds"] = 1
    assert any("] of fidelity beyond their choice of images:" in sentence for sentence in findings(typed([in_rounds])))
    assert any("] of fidelity: " in sentence for sentence in findings(typed([at_once])))


def test_defences_have_a_winner_each_and_share_the_sentence_on_a_strategy(make, results):
    others = [
        make({100: 0.70, 300: 0.80, 1000: 0.95}, "activethief", defence="label_only"),
        make(RANDOM, defence="label_only"),
    ]
    said = findings(typed([*results, *others]))
    assert said[0].startswith("no defence: at 300 queries activethief is the best attack")
    assert said[1].startswith("label_only: at 1,000 queries activethief is the best attack: 95.0 %")
    assert (
        "activethief beats mea (random queries) with no defence at 100 and 300 queries and with label_only at 1,000 "
        "queries, by 6.0 points [4.3, 7.7] where it is surest."
    ) in said


def test_without_an_adaptive_attacker_of_random_queries_nobody_is_compared_with_them(make_extraction):
    pair = [make_extraction({"published": RANDOM}), make_extraction({"published": RANDOM}, attack="knockoff")]
    said = findings(typed(pair))
    assert said[0].startswith("At no budget is one of 2 attacks ahead of all others")
    assert not any("random queries" in sentence for sentence in said)
