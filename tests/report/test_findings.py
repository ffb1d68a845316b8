"""Each finding stands where its condition on intervals holds, and nowhere else."""

import pytest

from privattack.report.findings import findings


def said(results: list, *words: str) -> bool:
    return any(all(word in sentence for word in words) for sentence in findings(results))


@pytest.mark.parametrize(("low", "holds"), [(0.5501, True), (0.55, False)])
def test_a_blind_attacker_above_the_bound_is_a_difference_between_data_sets(make_result, low, holds):
    auc = {"value": 0.6, "low": low, "high": 0.65, "n": 100}
    result = make_result({"adaptive": {"accuracy": 0.9, "auc": 0.9}, "blind": {"accuracy": 0.6, "auc": auc}})
    sentence = f"A blind attacker, who never queries, reaches AUC 0.60 [{low:.2f}, 0.65]: this measures a difference"
    assert said([result], sentence, "not membership") == holds
    if holds:
        assert findings([result])[0].startswith(sentence)


@pytest.mark.parametrize(("published", "adaptive", "words"), [
    (0.70, 0.90, "label_only costs the published attacker 20.0 points of fidelity (70.0 % [68.0, 72.0] instead of "
                 "90.0 % [88.0, 92.0]), and the adaptive attacker nothing that can be measured"),
    (0.70, 0.80, "and the adaptive attacker 12.0 points"),
    (0.89, 0.92, "label_only costs the published attacker nothing that can be measured"),
])  # fmt: skip
def test_a_defence_is_compared_with_none_attacker_by_attacker(make_result, published, adaptive, words):
    undefended = make_result({"published": {"fidelity": 0.9}, "adaptive": {"fidelity": 0.92}})
    attackers = {"published": {"fidelity": published}, "adaptive": {"fidelity": adaptive}}
    defended = make_result(attackers, defence="label_only")
    assert said([undefended, defended], words)
    assert not said([defended], "costs")


@pytest.mark.parametrize("differing", [{"budget": 100}, {"seed": 1}, {"data": "mnist"}, {"repetitions": 1}])
def test_runs_that_differ_in_more_than_the_defence_are_not_compared(make_result, differing):
    undefended = make_result({"published": {"fidelity": 0.9}})
    defended = make_result({"published": {"fidelity": 0.5}}, defence="label_only", **differing)
    assert not said([undefended, defended], "costs")


def test_an_attack_that_was_at_chance_has_nothing_to_lose(make_result):
    results = [make_result({"published": {"accuracy": 0.51}}, defence=defence) for defence in ("none", "flatten")]
    assert not said(results, "costs")


@pytest.mark.parametrize(("published", "adaptive", "holds"), [
    (0.11, 0.9, True),  # chance lies in the interval
    (0.17, 0.9, True),  # above chance, wholly below 0.2
    (0.19, 0.9, False),  # reaches 0.21
    (0.11, 0.21, False),  # neither learns
])  # fmt: skip
def test_a_published_recipe_that_learns_nothing(make_result, published, adaptive, holds):
    result = make_result({"published": {"fidelity": published}, "adaptive": {"fidelity": adaptive}})
    assert said([result], "From 3,000 queries the published recipe learns nothing") == holds


@pytest.mark.parametrize(("adaptive", "holds"), [(0.75, True), (0.73, False)])
def test_a_published_attack_that_underrates_the_risk(make_result, adaptive, holds):
    result = make_result({"published": {"fidelity": 0.7}, "adaptive": {"fidelity": adaptive}}, defence="flatten")
    assert said([result], "underrates the risk", "75.0 %" if holds else "") == holds


@pytest.mark.parametrize(("without", "nothing"), [(0.87, True), (0.95, True), (0.85, False)])
def test_what_the_service_gave_away_beyond_the_images(make_result, without, nothing):
    result = make_result({"adaptive": {"fidelity": 0.9}, "no_query": {"fidelity": without}})
    assert said([result], "gave nothing measurable away beyond the images") == nothing
    assert said([result], "answers are worth 5.0 points of fidelity") != nothing


@pytest.mark.parametrize(("auc", "blind", "leaks", "nothing"), [
    (0.53, 0.50, True, False),
    (0.51, 0.50, False, True),
    (0.46, 0.50, False, False),  # below chance is not nothing
    (0.53, 0.53, False, False),  # no more than without a query
    (0.70, 0.60, False, False),  # a difference between data sets
])  # fmt: skip
def test_a_membership_signal_and_its_absence(make_result, auc, blind, leaks, nothing):
    metrics = {"accuracy": 0.5, "auc": auc}
    result = make_result({"adaptive": metrics, "blind": {"accuracy": 0.5, "auc": blind}})
    assert said([result], f"Membership leaks: AUC {auc:.2f}", "a blind attacker reaches 0.50") == leaks
    assert said([result], f"No measurable membership signal: AUC {auc:.2f}") == nothing


@pytest.mark.parametrize(("low", "holds"), [(0.01, True), (0.0, False)])
def test_labels_that_a_defence_changes(make_result, low, holds):
    result = make_result({"adaptive": {"fidelity": 0.9}}, defence="noise")
    result["service"]["labels_changed"] = {"value": 0.02, "low": low, "high": 0.03, "n": 1000}
    assert said([result], "noise changes 2.0 % [1.0, 3.0] of the labels", "see an accuracy of 90.0 %") == holds


@pytest.mark.parametrize(("distance", "holds"), [(0.13, True), (0.11, False)])
def test_probabilities_that_a_defence_takes(make_result, measured, distance, holds):
    result = make_result({"adaptive": {"fidelity": 0.9}}, defence="flatten")
    result["service"]["l1"] = measured(distance)
    assert said([result], "flatten leaves honest users the labels and takes the probabilities") == holds


@pytest.mark.parametrize(("value", "sd", "words"), [
    (0.8966, 0.01, "reproduces the study: 89.7 %"),
    (0.85, 0.03, "varies: 85.0 % [83.0, 87.0] fidelity, sd 3.0 over 3 repetitions; the study's 89.66 %"),
    (0.85, 0.01, "differs from the study: 85.0 % [83.0, 87.0] fidelity, the study published 89.66 %"),
])  # fmt: skip
def test_the_published_recipe_beside_the_study(make_result, measured, value, sd, words):
    metrics = {"fidelity": measured(value, sd=sd, repetitions=3)}
    assert said([make_result({"published": metrics}, data="mnist")], words)
    assert not said([make_result({"published": metrics})], "study")
    assert not said([make_result({"published": metrics}, data="mnist", budget=100)], "study")


def test_runs_of_several_budgets_share_a_sentence_that_counts_them(make_result):
    results = [
        make_result({"published": {"fidelity": published}, "adaptive": {"fidelity": 0.9}}, budget=budget)
        for budget, published in ((100, 0.4), (1000, 0.7), (3000, 0.9))
    ]
    (sentence,) = [one for one in findings(results) if "underrates" in one]
    assert sentence.startswith("budget 100: ")
    assert "40.0 %" in sentence
    assert sentence.endswith("(So in 2 of 3 such runs.)")


def test_only_runs_that_come_out_alike_share_a_sentence(make_result):
    results = []
    for budget, adaptive in ((100, 0.5), (1000, 0.9), (3000, 0.9)):
        results.append(make_result({"published": {"fidelity": 0.9}, "adaptive": {"fidelity": 0.9}}, budget=budget))
        attackers = {"published": {"fidelity": 0.4}, "adaptive": {"fidelity": adaptive}}
        results.append(make_result(attackers, budget=budget, defence="flatten"))
    both, published = [one for one in findings(results) if "flatten costs" in one]
    assert "and the adaptive attacker 40.0 points" in both
    assert both.endswith("(So in 1 of 3 such runs.)")
    assert "and the adaptive attacker nothing" in published
    assert published.endswith("(So in 2 of 3 such runs.)")


def test_what_could_not_be_measured_yields_no_finding(make_result):
    result = make_result({"published": {"fidelity": None}, "adaptive": {"fidelity": None}})
    result["attackers"][0]["metrics"]["fidelity"] = {"value": None, "low": None, "high": None, "n": 0, "why": "none"}
    result["attackers"][1]["metrics"]["fidelity"] = {"value": None, "low": None, "high": None, "n": 0, "why": "none"}
    assert findings([result]) == []
