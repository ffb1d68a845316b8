"""The bounds on epsilon: the papers' values, other ways to the same numbers, and coverage."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import binom, norm

from privattack.metrics import (
    epsilon_gaussian,
    epsilon_many_runs,
    epsilon_of_gaussian,
    epsilon_one_run,
    epsilon_one_run_f_dp,
)

DELTA = 1e-5


@pytest.mark.parametrize(
    ("canaries", "guesses", "right", "delta", "expected"),
    [
        (1000, 1000, 1000, 0.0, 5.8091),
        (1000, 1000, 1000, 1e-5, 5.7823),
        (1000, 100, 95, 1e-5, 2.1652),
        (1000, 500, 300, 1e-5, 0.2512),
        (100, 100, 100, 0.0, 3.49),
        (500, 500, 500, 0.0, 5.11),
        (5000, 5000, 5000, 0.0, 7.42),
    ],
)
def test_one_run_has_the_papers_values(canaries, guesses, right, delta, expected):
    precision = 5e-5 if len(str(expected)) > 4 else 5e-3
    assert epsilon_one_run(right, guesses, canaries, delta=delta) == pytest.approx(expected, abs=precision)


@pytest.mark.parametrize(("models", "ceiling"), [(100, 3.28), (200, 3.98), (500, 4.91), (1000, 5.60)])
def test_many_runs_prove_no_more_than_their_number_allows(models, ceiling):
    assert epsilon_many_runs(0, models, 0, models, delta=0.0) == pytest.approx(ceiling, abs=5e-3)


@given(st.integers(1, 60), st.data())
def test_one_run_agrees_with_a_sum_over_all_outcomes(canaries, data):
    guesses = data.draw(st.integers(1, canaries))
    right = data.draw(st.integers(0, guesses))
    delta = data.draw(st.sampled_from([0.0, 1e-5, 1e-3]))

    def p_value(epsilon):
        chances = [
            math.comb(guesses, v) * math.exp(epsilon * v - guesses * math.log1p(math.exp(epsilon)))
            for v in range(guesses + 1)
        ]
        near = max((sum(chances[right - i : right]) / i for i in range(1, right + 1)), default=0.0)
        return sum(chances[right:]) + 2 * canaries * delta * near

    bound = epsilon_one_run(right, guesses, canaries, delta=delta)
    assert p_value(bound) <= 0.05 + 1e-9 or bound == 0
    assert p_value(bound + 2e-5) > 0.05


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_many_runs_agree_with_bounds_found_by_trying_rates(absent, present, data):
    false_positives, false_negatives = data.draw(st.integers(0, absent)), data.draw(st.integers(0, present))

    def at_most(errors, n):
        if errors == n:
            return 1.0
        return brentq(lambda rate: binom.cdf(errors, n, rate) - 0.025, 0, 1, xtol=1e-14)

    fpr, fnr = at_most(false_positives, absent), at_most(false_negatives, present)
    wanted = max(0.0, *(math.log(max(1 - b - DELTA, 1e-300) / a) for a, b in ((fpr, fnr), (fnr, fpr))))
    given_ = epsilon_many_runs(false_positives, absent, false_negatives, present, delta=DELTA)
    assert given_ == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("mean", [0.1, 1.0, 3.0, 8.0])
def test_the_epsilon_of_a_gaussian_is_where_the_divergence_is_delta(mean):
    epsilon = epsilon_of_gaussian(mean, DELTA)
    edge = epsilon / mean + mean / 2  # where the densities' ratio is e^epsilon

    def excess(x):
        return norm.pdf(x, mean) - math.exp(epsilon) * norm.pdf(x)

    assert quad(excess, edge, edge + 40, points=[edge, mean], limit=200)[0] == pytest.approx(DELTA, rel=1e-4)


def test_a_gaussian_is_named_by_its_error_rates():
    """At 2,000,000 trials the rates are known, and the bound is the truth."""
    n, mean = 2_000_000, 1.5
    errors = round(n * norm.sf(mean / 2))
    bound = epsilon_gaussian(errors, n, errors, n, delta=DELTA)
    assert 0.99 * epsilon_of_gaussian(mean, DELTA) < bound < epsilon_of_gaussian(mean, DELTA)


def test_f_dp_agrees_with_the_recurrence_in_the_papers_words():
    right, guesses, canaries = 66, 80, 100

    def refuted(mean):
        total_r, total_h = [0.05 * right / canaries], [0.05 * (guesses - right) / canaries]
        for i in reversed(range(right)):
            total_h.append(max(total_h[-1], norm.cdf(norm.ppf(total_r[-1]) - mean)))
            total_r.append(total_r[-1] + i / (guesses - i) * (total_h[-1] - total_h[-2]))
        return total_r[-1] + total_h[-1] > guesses / canaries

    low, high = 0.0, 10.0
    for _ in range(50):
        low, high = (middle, high) if refuted(middle := (low + high) / 2) else (low, middle)
    bound = epsilon_one_run_f_dp(right, guesses, canaries, delta=DELTA)
    assert bound == pytest.approx(epsilon_of_gaussian(low, DELTA), abs=1e-3)
    assert bound > epsilon_one_run(right, guesses, canaries, delta=DELTA)


@pytest.mark.parametrize("bound", [epsilon_one_run, epsilon_one_run_f_dp])
def test_a_coin_proves_nothing_and_every_right_guess_proves_more(bound):
    assert bound(50, 100, 100, delta=DELTA) == 0
    proved = [bound(right, 100, 100, delta=DELTA) for right in range(60, 101, 10)]
    assert proved == sorted(set(proved))
    assert bound(90, 100, 100, delta=DELTA, alpha=0.005) < bound(90, 100, 100, delta=DELTA)


@pytest.mark.parametrize("mean", [0.5, 2.0])
@pytest.mark.parametrize("method", ["many runs", "Gaussian", "one run", "one run, f-DP"])
def test_95_of_100_audits_of_a_gaussian_mechanism_stay_below_the_truth(method, mean):
    """Scores are N(mean, 1) with a canary and N(0, 1) without: the truth is known, and the best threshold, too."""
    audits, canaries = 2_000, 200
    rng = np.random.default_rng(0)
    truth = epsilon_of_gaussian(mean, DELTA)
    if method in ("many runs", "Gaussian"):
        bound = cache({"many runs": epsilon_many_runs, "Gaussian": epsilon_gaussian}[method])
        half = canaries // 2
        accused, missed = rng.binomial(half, norm.sf(mean / 2), size=(2, audits)).tolist()
        errors = zip(accused, missed, strict=True)
        proved = [bound(a, half, b, half, delta=DELTA) for a, b in errors]
    else:
        bound = cache({"one run": epsilon_one_run, "one run, f-DP": epsilon_one_run_f_dp}[method])
        present = rng.random((audits, canaries)) < 0.5
        guessed = rng.normal(size=present.shape) + mean * present > mean / 2
        proved = [bound(right, canaries, canaries, delta=DELTA) for right in (guessed == present).sum(axis=1).tolist()]
    assert np.mean(np.array(proved) <= truth) >= 0.95
    assert mean < 2 or np.mean(proved) > 0.1 * truth  # and they say something


def test_more_right_guesses_than_guesses_are_refused():
    with pytest.raises(ValueError, match="right <= guesses"):
        epsilon_one_run(11, 10, 20, delta=0.0)
