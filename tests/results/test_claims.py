"""What a result says of its owner's claims."""

import pytest
from pydantic import ValidationError

from privattack.results.claims import Claim, check_claims, exit_status
from tests.made_up_results import measurement, typed


def checked(result: dict, **claim: object):
    (one,) = check_claims(typed(result), [Claim(metric="auc", **claim) if "metric" not in claim else Claim(**claim)])
    return one


@pytest.fixture
def suite(make_result):
    """Return a run of two attackers who query, and one who does not."""
    figures = {"loss": 0.55, "lira": 0.70, "blind": 0.95}
    return make_result({name: {"auc": value, "accuracy": value} for name, value in figures.items()})


@pytest.mark.parametrize(
    ("claim", "state"),
    [
        ({"at_most": 0.80}, "holds"),
        ({"at_most": 0.60}, "refuted"),
        ({"at_most": 0.71}, "undecided"),
        ({"at_most": 0.722}, "undecided"),  # above the interval of one, below that of the better of two
        ({"at_most": 0.722, "attacker": "lira"}, "holds"),
        ({"at_most": 0.60, "attacker": "loss"}, "holds"),
        ({"at_least": 0.50}, "holds"),
        ({"at_least": 0.65}, "refuted"),  # loss stays below
        ({"at_least": 0.55}, "undecided"),
    ],
)
def test_a_claim_is_decided_by_the_interval_of_the_attacker_whom_it_suits_least(suite, claim, state):
    assert checked(suite, **claim).state == state


def test_every_attackers_interval_counts_not_only_that_of_the_highest_figure(make_result):
    narrow, wide = measurement(0.52, half_width=0.01), measurement(0.51, half_width=0.06)
    unsure = make_result({"a": {"auc": narrow}, "b": {"auc": wide}})
    assert checked(unsure, at_most=0.55).state == "undecided"
    assert "b, of 2 attackers the one that decides" in checked(unsure, at_most=0.55).said
    sure = make_result(
        {"a": {"auc": measurement(0.60, half_width=0.10)}, "b": {"auc": measurement(0.59, half_width=0.01)}}
    )
    assert checked(sure, at_most=0.55).state == "refuted"


def test_who_never_queries_says_nothing_of_the_api(suite):
    assert "lira, of 2 attackers the one that decides, has 0.70 [0.68, 0.72]" in checked(suite, at_most=0.8).said


def test_a_claim_is_said_with_what_would_decide_it(make_result):
    one = make_result({"lira": {"auc": measurement(0.54, half_width=0.02)}})
    assert checked(one, at_most=0.55).said == (
        "AUC at most 0.55: undecided; lira has 0.54 [0.52, 0.56]; about 4.0 times as many images (4,000) would decide."
    )
    several = make_result({"lira": {"auc": measurement(0.54, half_width=0.02)}}, targets=8)
    assert "about 4.0 times as many targets (32) would decide" in checked(several, at_most=0.55).said
    assert "more images would hardly decide" in checked(one, at_most=0.54).said


def test_a_claim_without_a_figure_is_undecided_and_says_why(make_result):
    missing = make_result({"lira": {"auc": 0.5, "tpr_at_fpr_0.01": measurement(None)}})
    assert checked(missing, metric="tpr_at_fpr_0.01", at_most=0.1).said == (
        "TPR at 1 % FPR at most 0.1: undecided, for it has no figure: too few."
    )
    assert "this run does not measure it" in checked(missing, metric="epsilon", at_most=3).said
    half = make_result({"a": {"auc": 0.5}, "b": {"auc": measurement(None)}})
    assert checked(half, at_most=0.9).state == "undecided"
    assert "b has no figure" in checked(half, at_most=0.9).said


def test_a_claim_may_be_about_what_honest_users_get(make_result):
    result = make_result({"lira": {"auc": 0.5}})
    assert checked(result, metric="test_accuracy", at_least=0.5).state == "holds"
    assert checked(result, metric="test_accuracy", at_most=0.5).state == "refuted"


@pytest.mark.parametrize("claim", [{}, {"at_most": 0.1, "at_least": 0.1}, {"at_most": "0.1"}, {"at_most": 0.1, "x": 1}])
def test_a_claim_has_one_bound(claim):
    with pytest.raises(ValidationError):
        Claim(metric="auc", **claim)


def test_one_refuted_claim_stands_above_one_that_is_undecided(suite):
    claims = [Claim(metric="auc", at_most=bound) for bound in (0.8, 0.71, 0.6)]
    states = check_claims(typed(suite), claims)
    assert [exit_status(states[:count]) for count in range(4)] == [0, 0, 4, 3]
