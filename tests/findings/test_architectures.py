"""What knowing the target's architecture is worth is said of copies that differ in nothing else."""

import pytest

from privattack.findings.architectures import architecture_worth
from privattack.findings.findings import findings
from tests.made_up_results import typed

LENET = {"surrogate.network._target_": "privattack.models.networks.LeNet"}  # the targets of these results
MLP = {"surrogate.network._target_": "privattack.models.networks.MLP"}
PLAIN = {100: 0.70, 300: 0.80, 1000: 0.90}


@pytest.fixture
def make(make_extraction):
    return lambda curve, settings, **run: make_extraction({"published": PLAIN, "adaptive": curve}, settings, **run)


def test_the_surest_gap_is_named(make):
    alike = make({100: 0.71, 300: 0.86, 1000: 0.95}, LENET)
    said = architecture_worth(typed([make(PLAIN, MLP), alike]))
    assert said == [
        "At 300 queries a surrogate of the target's own architecture (lenet) reaches 86.0 % [85.0, 87.0] fidelity, "
        "one of another (mlp) 80.0 % [79.0, 81.0]: knowing the architecture is worth 6.0 points [4.3, 7.7]; beyond "
        "chance it is ahead at 2 of 3 budgets, behind at 0."
    ]
    assert said[0] in findings(typed([make(PLAIN, MLP), alike]))


def test_older_results_that_hold_a_copy_of_the_surrogates_settings_are_compared_too(make):
    older = [
        {**one, f"attack.{name.replace('surrogate', 'surrogates')}": one[name]} for one in (MLP, LENET) for name in one
    ]
    assert "(lenet) reaches 70.0 %" in architecture_worth(typed([make(PLAIN, one) for one in older]))[0]


def test_nothing_to_measure_and_harm_are_said_too(make):
    assert (
        "is worth nothing that can be measured" in architecture_worth(typed([make(PLAIN, MLP), make(PLAIN, LENET)]))[0]
    )
    worse = make({100: 0.6, 300: 0.8, 1000: 0.9}, LENET)
    assert "the target's own is the worse one by 10.0 points" in architecture_worth(typed([make(PLAIN, MLP), worse]))[0]


def test_each_service_and_each_other_architecture_has_a_sentence(make):
    other = {"surrogate.network._target_": "privattack.models.networks.ConvNet"}
    results = [
        make(PLAIN, settings, defence=defence) for defence in ("none", "label_only") for settings in (MLP, other, LENET)
    ]
    said = architecture_worth(typed(results))
    assert [sentence.split(": ")[0] for sentence in said] == ["mea, no defence"] * 2 + ["mea, label_only"] * 2
    assert ["(mlp)" in sentence for sentence in said] == [True, False] * 2


@pytest.mark.parametrize("more", [{"surrogate.epochs": 5}, {"target.epochs": 5}])
def test_copies_that_differ_in_more_are_not_compared(make, more):
    assert architecture_worth(typed([make(PLAIN, MLP), make(PLAIN, {**LENET, **more})])) == []


def test_architectures_of_one_class_with_other_settings_are_kept_apart(make):
    wide, narrow = ({**LENET, "surrogate.network.width": width} for width in (7, 3))
    said = architecture_worth(typed([make(PLAIN, wide), make(PLAIN, narrow), make(PLAIN, LENET)]))
    assert ["(lenet, width 7)" in sentence for sentence in said] == [True, False]
    assert "(lenet, width 3)" in said[1]


def test_without_a_copy_of_the_targets_architecture_nothing_is_said(make):
    other = {"surrogate.network._target_": "privattack.models.networks.ConvNet"}
    assert architecture_worth(typed([make(PLAIN, MLP), make(PLAIN, other)])) == []
    own_settings = {**LENET, "surrogate.network.width": 3}
    assert architecture_worth(typed([make(PLAIN, MLP), make(PLAIN, own_settings)])) == []
