"""What is said and drawn of audits by canaries, for claims, findings and the page."""

import pytest

from privattack.findings.findings import findings
from privattack.report.draw import save
from privattack.report.privacy import plots, tables
from privattack.results.claims import Claim, check_claims
from privattack.results.privacy import standings, strongest
from tests.made_up_results import measurement, typed

FIGURES = ("auc", "accuracy", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001")


def bound(epsilon, ceiling=5.0, method="one run", **more):
    return {
        "attacker": "loss", "method": method, "gaussian": "f-DP" in method, "epsilon": epsilon, "ceiling": ceiling,
        "delta": 1e-5, "canaries": 1000, "trials": 500, "right": 400, "thresholds": "corrected", **more,
    }  # fmt: skip


@pytest.fixture
def audited(make_result):
    """Return a function that makes a result with canaries."""

    def make(defence, epsilon, *, claim=None, private=False, rate=0.1, accuracy=0.9):
        figures = {name: measurement(rate if "tpr" in name else 0.6, 0.02) for name in FIGURES}
        settings = {"canaries._target_": "privattack.data.canaries.OutOfDistribution"}
        made = make_result(
            {"loss": figures, "blind": {name: measurement(0.5 if name == "auc" else 0.01) for name in FIGURES}},
            settings,
            defence=defence,
            attack="dp_audit",
        )
        made["service"]["test_accuracy"] = measurement(accuracy, 0.005)
        made["canaries"] = {
            "count": 1000, "learnt": 493, "attackers": {name: figures for name in ("loss", "blind")},
            "bounds": [bound(epsilon), bound(epsilon + 1, method="one run, f-DP")],
        }  # fmt: skip
        if private:
            made["target"]["privacy"] = {
                "epsilon": claim, "delta": 1e-5, "accountant": "prv", "noise_multiplier": 1.0, "clip": 1.0,
                "sample_rate": 0.05, "steps": 600,
            }  # fmt: skip
        return made

    return make


def only(result):
    return next(one for one in findings([typed(result)]) if "epsilon" in one)


def test_a_claim_that_attackers_prove_wrong_is_the_first_thing_said(audited):
    said = findings([typed(audited("dp_sgd", 4.2, claim=3.0, private=True))])
    assert said[0] == (
        "At 95 % confidence epsilon is at least 4.20, and the training claims 3.00: the claim is violated (loss, one "
        "run, 400 of 500 guesses right, 1,000 canaries (out of distribution))."
    )


def test_bounds_are_rounded_so_that_no_more_is_said_than_is_proved(audited):
    (said, *_) = findings([typed(audited("dp_sgd", 2.9981, claim=2.9961, private=True))])
    assert "is at least 2.998, and the training claims 2.997: the claim is violated" in said
    assert "is at least 1.99, and the training claims 2.01 (" in only(
        audited("dp_sgd", 1.999, claim=2.001, private=True)
    )
    assert "proves an epsilon of 0.01 or more" in only(audited("dp_sgd", 0.009, claim=3.0, private=True))


def test_what_could_have_been_proved_is_so_by_the_method_that_could_prove_most(audited):
    result = audited("none", 1.2)
    result["canaries"]["bounds"].append(bound(0.0, ceiling=7.0, method="many runs"))
    result["canaries"]["bounds"].append(bound(0.0, ceiling=9.0, method="one run, f-DP"))
    assert "no attacker could have proved more than 7.00" in only(result)


def test_what_is_not_detected_is_told_with_what_could_have_been(audited):
    assert only(audited("dp_sgd", 0.0, claim=3.0, private=True)) == (
        "No attacker proves an epsilon of 0.01 or more, which is no proof of privacy: with 1,000 canaries (out of "
        "distribution) none could have proved more than 5.00; the training claims 3.00."
    )
    assert "is at least 1.20, and the training claims nothing (" in only(audited("none", 1.2))


def test_what_is_proved_of_one_defence_is_not_said_of_another(audited):
    results = typed([audited("none", 4.0), audited("dp_sgd", 0.1, claim=3.0, private=True), audited("hamp", 1.0)])
    said = [one for one in findings(results) if "epsilon is at least" in one]
    assert [one.partition(" is at least ")[2][:4] for one in said] == ["4.00", "1.00", "0.10"]


def test_a_bound_for_gaussian_mechanisms_alone_refutes_nothing(audited):
    result = typed(audited("dp_sgd", 2.5, claim=3.0, private=True))
    assert result.canaries.bounds[1].epsilon > 3
    assert strongest(result).epsilon == 2.5
    assert "violated" not in "".join(findings([result]))


@pytest.mark.parametrize(
    ("epsilon", "claim", "at_most", "state"),
    [
        (4.2, 3.0, 3.0, "refuted"),
        (1.0, 3.0, 3.0, "holds"),
        (1.0, 3.0, 2.0, "undecided"),
        (1.0, None, 2.0, "undecided"),  # nothing is proved, and a low bound is no proof
        (2.5, None, 2.0, "refuted"),
        (3.6, 3.0, 8.0, "undecided"),  # the proof is wrong
    ],
)
def test_an_owners_claim_is_refuted_by_attackers_and_borne_out_by_a_proof_alone(
    audited, epsilon, claim, at_most, state
):
    result = typed(audited("dp_sgd", epsilon, claim=claim, private=True))
    (checked,) = check_claims(result, [Claim(metric="epsilon", at_most=at_most)])
    assert checked.state == state
    assert checked.said.startswith(f"epsilon at most {at_most:g}: {state}; ")


def test_a_heuristic_that_dp_sgd_beats_at_the_same_accuracy_is_named(audited):
    results = typed([
        audited("relaxloss", 2.0, rate=0.3, accuracy=0.85), audited("hamp", 2.0, rate=0.3, accuracy=0.95),
        audited("dp_sgd", 0.0, claim=3.0, private=True, rate=0.05, accuracy=0.852),
    ])  # fmt: skip
    beaten = [one for one in findings(results) if "at the same accuracy" in one.lower()]
    assert len(beaten) == 1
    assert beaten[0].startswith("At the same accuracy dp_sgd leaves attackers less than relaxloss: TPR at 1 % FPR")


def test_the_page_draws_claims_against_proofs_and_privacy_against_accuracy(audited):
    results = typed([
        audited("none", 3.0, rate=0.4), audited("dp_sgd_noiseless", 2.0, private=True, rate=0.3),
        audited("dp_sgd", 0.5, claim=3.0, private=True),
        audited("dp_sgd_strong", 0.0, claim=0.5, private=True, rate=0.05),
    ])  # fmt: skip
    ((title, group),) = standings(results).items()
    assert title == "dp_audit"
    claims, *costs = plots(results)
    assert claims.title == "dp_audit: claimed and proved"
    claim, ceiling, proved = claims.plot.curves
    assert (claim.x, claim.y) == ([0.5, 3.0], [0.5, 3.0])
    assert (proved.x, proved.y, ceiling.y) == ([0.5, 3.0, 12.0], [0.0, 0.5, 2.0], [5.0, 5.0, 5.0])
    assert claims.plot.x.ticks == {0.5: "0.5", 3.0: "3", 12.0: "none"}
    assert [panel.title.partition(": ")[2] for panel in costs] == [
        f"{metric} on {where} against accuracy"
        for where in ("canaries", "other images")
        for metric in ("TPR at 1 % FPR", "TPR at 0.1 % FPR", "AUC")
    ]
    assert [dot.name for dot in costs[0].plot.dots] == [one.name for one in group]
    (table,) = tables(results)
    assert [row[0] for row in table.rows] == ["none", "dp_sgd_noiseless", "dp_sgd", "dp_sgd_strong"]
    assert [row[1] for row in table.rows] == ["nothing", "nothing", "3.00", "0.50"]


def test_trainings_without_noise_that_claim_nothing_are_drawn_too(audited, tmp_path):
    results = typed([audited("none", 3.0), *(audited(f"dp_sgd_{n}", n / 10, private=True) for n in (1, 2))])
    claims = plots(results)[0]
    assert [curve.name for curve in claims.plot.curves] == ["ceiling", "attackers prove"]
    assert [len(curve.x) for curve in claims.plot.curves] == [2, 2]
    save(claims, tmp_path / "claims.svg")
    assert (tmp_path / "claims.svg").stat().st_size > 0
