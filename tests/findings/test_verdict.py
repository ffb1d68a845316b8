"""The verdict: five lines at most, and the worst of several runs decides."""

from privattack.findings.verdict import NO_PROOF, verdict
from tests.made_up_results import measurement, typed


def test_an_extraction_is_told_beside_what_needs_no_query(make_result):
    attackers = {"published": {"fidelity": 0.7}, "adaptive": {"fidelity": 0.9}, "no_query": {"fidelity": 0.8}}
    said = verdict(typed([make_result(attackers)]))
    assert said.lines[0].startswith("Tested: lenet (")
    assert said.lines[1] == "Against: mea; 2 attackers who may ask about 3,000 images."
    assert said.lines[2] == (
        "Extraction: a surrogate agrees with the target on 90.0 % [88.0, 92.0] of the images (mea, 3,000 queries); "
        "without a query on 80.0 % [78.0, 82.0]: the answers are worth 10.0 points [6.8, 13.2]."
    )
    nothing = verdict(typed([make_result(attackers | {"no_query": {"fidelity": 0.91}})]))
    assert nothing.lines[2].endswith("the answers add nothing that can be measured.")


def test_the_worst_of_several_runs_decides(make_result):
    open_service = make_result({"adaptive": {"fidelity": 0.9}})
    defended = make_result({"adaptive": {"fidelity": 0.95}}, defence="label_only")
    said = verdict(typed([open_service, defended]))
    assert said.lines[0].endswith("; defence: none and label_only.")
    assert "95.0 %" in said.lines[2]
    assert "defence label_only" in said.lines[2]


def test_membership_leaks_or_does_not(make_suite, make_result):
    leaks = verdict(typed([make_suite()]))
    assert leaks.lines[2].startswith("Membership: ")
    assert "members can be told from others" in leaks.lines[2]
    safe = verdict(typed([make_result({"adaptive": {"accuracy": 0.5, "auc": 0.5}}, attack="mia")]))
    assert "no measurable membership signal" in safe.lines[2]
    assert safe.caveat == NO_PROOF


def test_members_that_every_target_betrays_are_the_caveat_of_an_average(make_suite):
    result = make_suite(targets=8)
    result["exposed"] = [
        {"image": "a", "label": 1, "targets": 4, "found": {"lira": 1.0}, "picture": None},
        {"image": "b", "label": 1, "targets": 4, "found": {"lira": 0.5}, "picture": None},
    ]
    assert verdict(typed([result])).caveat.startswith("An average hides individuals: the attacks find 1 of the most")


def test_claims_are_counted_and_nothing_takes_more_than_five_lines(make_result):
    extracted = make_result({"adaptive": {"fidelity": 0.9}})
    inferred = make_result({"adaptive": {"accuracy": 0.5, "auc": 0.5}}, attack="mia")
    for result in (extracted, inferred):
        result["claims"] = [
            {"claim": "c", "state": "holds", "said": "s"},
            {"claim": "d", "state": "refuted", "said": "s"},
        ]
    said = verdict(typed([extracted, inferred]))
    assert said.lines[-1] == "Claims: 2 holds, 2 refuted."
    assert len(said.lines) == 5


def test_a_target_that_learnt_nothing_gets_none(make_result):
    result = make_result({"adaptive": {"fidelity": 0.9}})
    result["target"]["test_accuracy"] = measurement(0.1)
    assert verdict(typed([result])).lines[-1] == "Verdict: none, for the target has learnt nothing."
