"""What more queries are worth is said once per service, step by step, of the attack that gets furthest."""

from privattack.findings.budgets import budgets_worth
from privattack.findings.findings import findings
from tests.made_up_results import typed

PLAIN = {100: 0.70, 300: 0.80, 1000: 0.805}
BETTER = {100: 0.60, 300: 0.85, 1000: 0.90}


def test_each_step_is_measured_and_one_beyond_measure_is_said_so(make_extraction):
    results = typed([make_extraction({"adaptive": PLAIN})])
    said = budgets_worth(results)
    assert said == [
        "With more queries mea gains in fidelity: 10.0 points [8.4, 11.6] from 100 to 300 and nothing that can be "
        "measured from 300 to 1,000."
    ]
    assert said[0] in findings(results)


def test_of_several_attacks_the_best_one_is_told_for_each_service(make_extraction):
    results = [
        make_extraction({"adaptive": curve}, attack=attack, defence=defence)
        for defence in ("none", "label_only")
        for attack, curve in (("mea", PLAIN), ("knockoff", BETTER))
    ]
    said = budgets_worth(typed(results))
    assert [sentence.split(" gains")[0] for sentence in said] == [
        "no defence: with more queries knockoff",
        "label_only: with more queries knockoff",
    ]


def test_runs_of_one_budget_each_are_joined_and_one_budget_says_nothing(make_extraction):
    one, other = (make_extraction({"adaptive": {budget: PLAIN[budget]}}) for budget in (100, 300))
    assert budgets_worth(typed([one])) == []
    assert "10.0 points" in budgets_worth(typed([one, other]))[0]
