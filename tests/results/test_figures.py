"""The one figure that stands for a run."""

import pytest

from privattack.results.figures import headline_figure
from tests.made_up_results import typed


@pytest.mark.parametrize(
    ("attackers", "figure"),
    [
        ({"published": {"fidelity": 0.2}, "adaptive": {"fidelity": 0.8}, "no_query": {"fidelity": 0.9}}, 0.8),
        ({"published": {"accuracy": 0.9, "auc": 0.5}, "adaptive": {"accuracy": 0.5, "auc": 0.7}}, 0.7),
        ({"adaptive": {"auc": 0.7, "tpr_at_fpr_0.01": 0.04}, "blind": {"auc": 0.8, "tpr_at_fpr_0.01": 0.5}}, 0.04),
        ({"adaptive": {"auc": 0.7, "tpr_at_fpr_0.01": None}}, 0.7),
        ({"adaptive": {"auc": None}}, None),
    ],
)
def test_the_headline_is_of_the_strongest_attacker_who_queries(make_result, attackers, figure):
    assert headline_figure(typed(make_result(attackers))) == figure
