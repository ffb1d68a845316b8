"""Nothing is said of attacks on a target that learnt nothing, and shadow models that do not mimic it are named."""

import pytest

from privattack.findings.findings import findings
from privattack.findings.sanity import intervals_told, targets_told
from privattack.report.console import table
from tests.made_up_results import measurement, typed

LEAKING = {"adaptive": {"accuracy": 0.9, "auc": 0.9}, "blind": {"accuracy": 0.5, "auc": 0.5}}


@pytest.mark.parametrize(("accuracy", "chance", "broken"), [
    (0.11, None, True),  # [9, 13] % where 10 % is chance
    (0.13, None, False),
    (0.13, 0.115, True),  # the most frequent class is more frequent than that
])  # fmt: skip
def test_of_a_target_at_chance_nothing_else_is_said(make_result, accuracy, chance, broken):
    result = make_result(LEAKING)
    result["target"] |= {"test_accuracy": measurement(accuracy)} | ({"chance": chance} if chance else {})
    said = findings(typed([result]))
    assert any("Membership leaks" in sentence for sentence in said) != broken
    if broken:
        (only,) = said
        assert only.startswith(f"The target has learnt nothing: it names {100 * accuracy:.1f} %")
        assert f"the most frequent class {100 * (chance or 0.1):.1f} %" in only


def test_a_broken_target_takes_no_part_in_comparisons(make_result):
    undefended = make_result({"published": {"fidelity": 0.9}})
    defended = make_result({"published": {"fidelity": 0.5}}, defence="label_only")
    defended["target"]["test_accuracy"] = measurement(0.1)
    assert not any("costs" in sentence for sentence in findings(typed([undefended, defended])))


@pytest.mark.parametrize(("shadows", "words"), [
    ({}, None),
    ({"test_accuracy": {"value": 0.85}}, "85.0 % [83.0, 87.0] accuracy on the test part, the target 90.0 %"),
    ({"train_accuracy": {"value": 0.80}}, "accuracy on their members"),
    ({"train_accuracy": {"n": 500}}, "500 members each, the target has 1,000"),
    ({"test_accuracy": {"value": 0.85, "sd": 0.03}}, None),  # they differ as much among themselves
])  # fmt: skip
def test_shadow_models_that_do_not_mimic_the_target_are_named(make_suite, shadows, words):
    result = make_suite(targets=None)
    for name in ("train_accuracy", "test_accuracy"):
        mimicking = measurement(result["target"][name]["value"], sd=0.002, repetitions=16)
        result["shadow"][name] = mimicking | shadows.get(name, {})
        if "value" in shadows.get(name, {}):
            value = shadows[name]["value"]
            result["shadow"][name] |= {"low": value - 0.02, "high": value + 0.02}
    said = [one for one in findings(typed([result])) if "do not mimic the target" in one]
    assert bool(said) == (words is not None)
    if words:
        assert words in said[0]


def test_the_targets_accuracies_and_its_members_are_told(make_result, make_suite, tmp_path):
    alone, suite = typed([make_result(LEAKING), make_suite()])
    assert targets_told([alone, alone]) == [
        "The target (lenet, digits) names 95.0 % [93.0, 97.0] of its 1,000 members rightly, and 90.0 % [88.0, 92.0] of "
        "the test part."
    ]
    assert targets_told([suite])[0].startswith("Each of 8 targets (lenet, digits) names 95.0 %")
    assert "95.00 [93.0, 97.0] % on its 1,000 members" in table(alone, tmp_path)
    unknown = make_result(LEAKING)
    unknown["target"]["train_accuracy"] = measurement(None)
    assert "an unknown share of its members (too few)" in targets_told([typed(unknown)])[0]
    assert "members unknown" in table(typed(unknown), tmp_path)


def test_what_intervals_are_about_is_told(make_result, make_suite):
    about_target, comparisons = intervals_told([typed(make_result(LEAKING))])
    about_images, _ = intervals_told([typed(make_suite())])
    assert about_target.startswith("Intervals are about this target")
    assert about_images.startswith("Over several targets intervals are about these images")
    assert "Bonferroni" in comparisons
