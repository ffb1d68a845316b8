"""Each finding stands where its condition on intervals holds, and nowhere else."""

import pytest

from privattack.findings.findings import findings
from tests.made_up_results import typed


def said(results: list, *words: str) -> bool:
    return any(all(word in sentence for word in words) for sentence in findings(typed(results)))


@pytest.mark.parametrize(("low", "holds"), [(0.5501, True), (0.55, False)])
def test_a_blind_attacker_above_the_bound_is_a_difference_between_data_sets(make_result, low, holds):
    auc = {"value": 0.6, "low": low, "high": 0.65, "n": 100}
    result = make_result({"adaptive": {"accuracy": 0.9, "auc": 0.9}, "blind": {"accuracy": 0.6, "auc": auc}})
    sentence = f"A blind attacker, who never queries, reaches AUC 0.60 [{low:.2f}, 0.65]: this measures a difference"
    assert said([result], sentence, "not membership") == holds
    if holds:
        assert findings(typed([result]))[0].startswith(sentence)


@pytest.mark.parametrize(("published", "adaptive", "words"), [
    (0.70, 0.90, "label_only costs the published attacker 20.0 points [16.8, 23.2] of fidelity (70.0 % [68.0, 72.0] "
                 "instead of 90.0 % [88.0, 92.0]), and the adaptive attacker nothing that can be measured"),
    (0.70, 0.80, "and the adaptive attacker 12.0 points [8.8, 15.2]"),
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


@pytest.mark.parametrize(
    ("name", "value"), [("surrogate.epochs", 5), ("target.gamma", 0.9), ("attack.attackers", ["a"])]
)
def test_runs_with_other_settings_are_not_compared_and_share_no_sentence(make_result, name, value):
    undefended = make_result({"published": {"fidelity": 0.9}}, {name: value})
    defended = make_result({"published": {"fidelity": 0.5}}, defence="label_only")
    assert not said([undefended, defended], "costs")
    attackers = {"published": {"fidelity": 0.4}, "adaptive": {"fidelity": 0.9}}
    sentences = findings(typed([make_result(attackers), make_result(attackers, {name: value})]))
    assert len([one for one in sentences if "underrates" in one]) == 2
    assert any(one.startswith(f"{name} ") for one in sentences)
    assert not any("The same holds" in one for one in sentences)


def test_another_class_in_the_place_of_no_defence_is_no_baseline(make_result):
    flatten = {"defence._target_": "privattack.defences.flatten.Flatten"}
    renamed = make_result({"published": {"fidelity": 0.5}}, flatten)
    defended = make_result({"published": {"fidelity": 0.5}}, defence="label_only")
    assert not said([renamed, defended], "costs")
    undefended = make_result({"published": {"fidelity": 0.9}})
    assert said([undefended, renamed], "none (Flatten) costs the published attacker 40.0 points")


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


@pytest.mark.parametrize(("classes", "holds"), [(10, True), (26, False)])
def test_what_learning_nothing_reaches_depends_on_the_number_of_classes(make_result, classes, holds):
    result = make_result({"published": {"fidelity": 0.11}, "adaptive": {"fidelity": 0.9}})
    result["target"]["classes"] = classes
    assert said([result], "learns nothing") == holds


@pytest.mark.parametrize(("adaptive", "holds"), [(0.75, True), (0.72, False)])
def test_a_published_attack_that_underrates_the_risk(make_result, adaptive, holds):
    result = make_result({"published": {"fidelity": 0.7}, "adaptive": {"fidelity": adaptive}}, defence="flatten")
    assert said([result], "underrates the risk", "75.0 %" if holds else "") == holds


@pytest.mark.parametrize(("without", "nothing"), [(0.88, True), (0.95, True), (0.85, False)])
def test_what_the_service_gave_away_beyond_the_images(make_result, without, nothing):
    result = make_result({"adaptive": {"fidelity": 0.9}, "no_query": {"fidelity": without}})
    assert said([result], "gave away nothing measurable beyond the images") == nothing
    assert said([result], "answers are worth 5.0 points [2.2, 7.8] of fidelity") != nothing


def test_without_an_adaptive_attacker_nobody_says_that_the_service_gave_nothing(make_result):
    result = make_result({"published": {"fidelity": 0.6}, "no_query": {"fidelity": 0.9}})
    assert not said([result], "gave away nothing")


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
    assert said([result], "Membership leaks", f"AUC {auc:.2f}", "a blind attacker reaches AUC 0.50") == leaks
    assert said([result], f"No measurable membership signal: AUC {auc:.2f}") == nothing


@pytest.mark.parametrize(("found", "blind", "leaks", "nothing"), [
    (0.02, 0.01, True, False),  # an AUC of a coin, and yet twice as many members as a coin finds
    (0.015, 0.01, False, True),
    (0.02, 0.02, False, False),  # no more than without a query
])  # fmt: skip
def test_a_signal_at_a_low_false_positive_rate_only(make_result, measured, found, blind, leaks, nothing):
    def metrics(rate):
        return {"accuracy": 0.5, "auc": 0.5, "tpr_at_fpr_0.01": measured(rate, 0.006)}

    result = make_result({"adaptive": metrics(found), "blind": metrics(blind)})
    assert said([result], "Membership leaks", "AUC 0.50", f"TPR at 1 % FPR {100 * found:.1f} %") == leaks
    assert said([result], "No measurable membership signal") == nothing


def test_the_best_of_many_must_exceed_chance_by_more_than_one_alone(make_result):
    metrics = {"accuracy": 0.5, "auc": 0.525}
    assert said([make_result({"lira": metrics})], "Membership leaks")
    many = make_result({f"attack_{number}": metrics for number in range(14)})
    assert not said([many], "Membership leaks")
    assert not said([many], "No measurable membership signal")


@pytest.mark.parametrize(("low", "holds"), [(0.01, True), (0.0, False)])
def test_labels_that_a_defence_changes(make_result, low, holds):
    result = make_result({"adaptive": {"fidelity": 0.9}}, defence="noise")
    result["service"]["labels_changed"] = {"value": 0.02, "low": low, "high": 0.03, "n": 1000}
    assert said([result], "noise changes 2.0 % [1.0, 3.0] of the labels", "see an accuracy of 90.0 %") == holds


@pytest.mark.parametrize(("distance", "holds"), [(0.13, True), (0.11, False)])
def test_probabilities_that_a_defence_takes(make_result, measured, distance, holds):
    result = make_result({"adaptive": {"fidelity": 0.9}}, defence="flatten")
    result["service"]["l1"] = measured(distance)
    assert said([result], "flatten leaves honest users the labels and distorts the probabilities") == holds


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


def test_runs_of_several_budgets_share_a_sentence_that_names_them(make_result):
    results = [
        make_result({"published": {"fidelity": published}, "adaptive": {"fidelity": 0.9}}, budget=budget)
        for budget, published in ((100, 0.4), (1000, 0.7), (3000, 0.9))
    ]
    (sentence,) = [one for one in findings(typed(results)) if "underrates" in one]
    assert sentence.startswith("100 queries: ")
    assert "40.0 %" in sentence
    assert sentence.endswith(" The same holds at 1,000 queries.")


def test_only_runs_that_come_out_alike_share_a_sentence(make_result):
    results = []
    for budget, adaptive in ((100, 0.5), (1000, 0.9), (3000, 0.9)):
        results.append(make_result({"published": {"fidelity": 0.9}, "adaptive": {"fidelity": 0.9}}, budget=budget))
        attackers = {"published": {"fidelity": 0.4}, "adaptive": {"fidelity": adaptive}}
        results.append(make_result(attackers, budget=budget, defence="flatten"))
    both, published = [one for one in findings(typed(results)) if "flatten costs" in one]
    assert "and the adaptive attacker 40.0 points" in both
    assert "The same" not in both
    assert "and the adaptive attacker nothing" in published
    assert published.endswith(" The same holds at 3,000 queries.")


def test_defences_that_come_out_alike_share_a_sentence_and_many_are_counted(make_result):
    def results(*defences):
        undefended = make_result({"published": {"fidelity": 0.9}})
        return [undefended, *(make_result({"published": {"fidelity": 0.4}}, defence=one) for one in defences)]

    (sentence,) = [one for one in findings(typed(results("label_only", "flatten", "mad"))) if "costs" in one]
    assert sentence.startswith("label_only costs the published attacker 50.0 points")
    assert sentence.endswith(" The same holds for flatten and mad.")
    many = results("label_only", "flatten", "mad", "noise", "top_k", "rounding", "memguard")
    (sentence,) = [one for one in findings(typed(many)) if "costs" in one]
    assert sentence.endswith(" The same holds for flatten, mad, noise, top_k and 2 more.")


def test_figures_of_one_defence_are_not_said_to_hold_for_another(make_result):
    attackers = {"published": {"fidelity": 0.4}, "adaptive": {"fidelity": 0.9}}
    results = typed([make_result(attackers, defence=name) for name in ("label_only", "flatten")])
    told = [one for one in findings(results) if "underrates" in one]
    assert len(told) == 2
    assert "The same holds" not in "".join(told)


def test_runs_that_differ_in_more_than_one_setting_are_counted(make_result):
    attackers = {"published": {"fidelity": 0.4}, "adaptive": {"fidelity": 0.9}}
    results = [make_result(attackers, budget=budget, seed=seed) for budget in (100, 300) for seed in (0, 1)]
    (sentence,) = [one for one in findings(typed(results)) if "underrates" in one]
    assert sentence.endswith(" The same holds in 3 more runs.")


def test_what_could_not_be_measured_yields_no_finding(make_result):
    result = make_result({"published": {"fidelity": None}, "adaptive": {"fidelity": None}})
    result["attackers"][0]["metrics"]["fidelity"] = {"value": None, "low": None, "high": None, "n": 0, "why": "none"}
    result["attackers"][1]["metrics"]["fidelity"] = {"value": None, "low": None, "high": None, "n": 0, "why": "none"}
    assert findings(typed([result])) == []


def test_one_that_exceeds_chance_below_the_best_is_not_called_the_best(make_result, measured):
    wide, narrow = measured(0.6, 0.11), measured(0.55, 0.01)
    result = make_result({"lira": {"accuracy": 0.5, "auc": wide}, "rmia": {"accuracy": 0.5, "auc": narrow}})
    assert said([result], "Membership leaks: AUC 0.55 [0.54, 0.56] (rmia, one of 2)")
    small = make_result({"lira": {"accuracy": 0.5, "auc": wide}, "rmia": {"accuracy": 0.5, "auc": measured(0.5)}})
    assert said([small], "No measurable membership signal: AUC 0.60 [0.49, 0.71] (lira, the best of 2)")


def test_attacks_that_rise_above_the_others_are_named_with_the_best_of_the_rest(make_suite):
    rates = {"loss": 0.012, "gap": 0.0, "lira": 0.081, "rmia": 0.079, "qmia": 0.03}
    sentence = (
        "Over 8 targets, by TPR at 1 % FPR lira and rmia reach 8.1 % [7.7, 8.5] and 7.9 % [7.5, 8.3], "
        "ahead of each of the other 3 attacks (the best of them: qmia, 3.0 % [2.6, 3.4])."
    )
    assert sentence in findings(typed([make_suite(rates)]))
    assert said([make_suite(rates, targets=None)], "By TPR at 1 % FPR lira and rmia reach")


def test_of_several_leaders_auc_may_tell_the_first(make_suite, measured):
    result = make_suite({"loss": 0.012, "gap": 0.0, "lira": 0.081, "rmia": 0.079, "qmia": 0.03})
    for attacker in result["attackers"][:-1]:  # not the blind one
        attacker["metrics"]["auc"] = measured(0.7 if attacker["name"] == "lira" else 0.6, 0.01)
    assert said([result], "by AUC lira is ahead of rmia, too, by 0.10 [0.08, 0.12] or more.")


def test_a_small_gap_at_the_top_does_not_hide_a_wide_one_below_it(make_suite):
    rates = {"best": 0.08, "second": 0.07, "third": 0.02, "fourth": 0.018}
    assert said([make_suite(rates)], "best and second reach 8.0 %", "ahead of each of the other 2 attacks")


def test_where_differences_may_be_chance_no_attack_stands_out(make_suite):
    rates = {"loss": 0.03, "lira": 0.081, "rmia": 0.079, "qmia": 0.075, "bavaria": 0.074}
    (sentence,) = [one for one in findings(typed([make_suite(rates)])) if "stands out" in one]
    assert "lira reaches 8.1 % [7.7, 8.5], and is not ahead of rmia, qmia and bavaria beyond chance" in sentence


def test_without_a_rate_for_all_attacks_are_told_apart_by_auc(make_suite, measured):
    result = make_suite({"loss": 0.01, "lira": 0.08, "rmia": 0.02})
    result["attackers"][0]["metrics"]["tpr_at_fpr_0.01"] = measured(None)
    assert said(
        [result], "by AUC lira reaches 0.62 [0.61, 0.63], ahead of each of the other 2 attacks (the best of them: rmia"
    )


def test_where_nothing_leaks_no_attack_stands_out(make_suite):
    rates = {"loss": 0.001, "gap": 0.0, "lira": 0.005}
    assert not said([make_suite(rates, half_width=0.001)], "stands out")
    assert not said([make_suite(rates, half_width=0.001)], "ahead of each of the other")


@pytest.mark.parametrize(("accused", "holds"), [(0.03, True), (0.12, False)])
def test_what_attacks_find_together(make_suite, measured, accused, holds):
    result = make_suite()
    result["found"]["any_fpr"] = measured(accused, 0.005)
    words = (
        "Over 8 targets, together the attacks, each at 1 % FPR, find 14.0 % [12.0, 16.0] of the members and accuse "
        "3.0 % [2.5, 3.5] of the non-members; the best alone, lira, finds 8.1 % [7.7, 8.5]."
    )
    assert said([result], words) == holds


def test_a_defence_is_judged_by_the_best_of_a_suite_by_what_ranks_it(make_suite):
    undefended = make_suite({"loss": 0.02, "gap": 0.0, "lira": 0.08})
    defended = make_suite({"loss": 0.01, "gap": 0.0, "lira": 0.005, "label_only": 0.03}, defence="flatten")
    assert said(
        [undefended, defended],
        "flatten costs the best adaptive attacker 5.0 points [4.4, 5.6] of TPR at 1 % FPR "
        "(3.0 % [2.6, 3.4] by label_only instead of 8.0 % [7.6, 8.4] by lira)",
    )
    unharmed = make_suite({"lira": 0.08}, defence="flatten")
    assert said([undefended, unharmed], "flatten costs the best adaptive attacker nothing that can be measured")


def test_a_suite_that_was_at_chance_has_nothing_to_lose(make_suite):
    rates = {"loss": 0.01, "gap": 0.0, "lira": 0.012}
    assert not said([make_suite(rates), make_suite(rates, defence="flatten")], "costs")


def test_runs_over_several_numbers_of_targets_share_a_sentence(make_suite):
    sentences = [one for one in findings(typed([make_suite(targets=count) for count in (4, 8)])) if "together" in one]
    assert len(sentences) == 1
    assert sentences[0].startswith("Over 4 targets, together")
    assert sentences[0].endswith(" The same holds over 8 targets.")


@pytest.mark.parametrize(("auc", "claim"), [
    (0.58, "The surrogate betrays members, too: the same inference reaches AUC 0.58"),
    (0.51, "The surrogate betrays no members that can be measured: the same inference reaches AUC 0.51"),
])  # fmt: skip
def test_whether_a_surrogate_betrays_members_is_said_beside_the_target(auc, claim, make_result):
    attackers = {
        name: {"accuracy": 0.5, "auc": value, "balanced_accuracy": 0.5}
        for name, value in {"published": 0.6, "adaptive": 0.64, "adaptive_on_copy": auc, "blind": 0.5}.items()
    }
    (said,) = [
        one for one in findings(typed([make_result(attackers, attack="mea_then_mia")])) if "the same inference" in one
    ]
    assert said.startswith(claim)
    assert said.endswith("on the surrogate, 0.64 [0.62, 0.66] on the target itself.")
    del attackers["adaptive_on_copy"]
    assert not any("the same inference" in one for one in findings(typed([make_result(attackers)])))
