"""Every figure carries an interval that deserves the name, or the reason why it cannot be given."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy import stats

from privattack.metrics import Measurement, clopper_pearson, mean, over_repetitions, over_targets, proportion

SHARE = Measurement(value=0.5, low=0.4, high=0.7, n=100)


@given(hits=st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_proportion_has_the_exact_interval(hits):
    measured = proportion(np.array(hits))
    exact = stats.binomtest(sum(hits), len(hits)).proportion_ci(method="exact")
    assert (measured.low, measured.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert measured.value == sum(hits) / len(hits)
    assert measured.n == len(hits)


def test_a_proportion_of_nothing_is_missing():
    measured = proportion(np.zeros(0, dtype=bool))
    assert measured.value is None
    assert measured.why


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(ValueError, match="successes"):
        clopper_pearson(successes, n)


def test_a_mean_has_the_t_interval():
    values = np.random.default_rng(0).exponential(size=50)
    expected = stats.t.interval(0.95, 49, loc=values.mean(), scale=stats.sem(values))
    measured = mean(values)
    assert (measured.low, measured.high) == pytest.approx(expected)
    assert measured.value == pytest.approx(values.mean())


def test_a_mean_distance_has_no_negative_interval():
    assert mean(np.array([0.0, 0.0, 1.0]), lowest=0.0).low == 0.0
    with pytest.raises(ValueError, match="at least"):
        mean(np.array([-1.0, 1.0]), lowest=0.0)


def test_a_mean_of_one_value_is_missing():
    assert mean(np.array([3.0])).value is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_mean_of_what_is_not_finite_is_missing_and_says_so(value):
    missing = mean(np.array([1.0, value, 2.0]))
    assert (missing.value, missing.n) == (None, 3)
    assert missing.why == "1 of 3 values are infinite or not a number"


@pytest.mark.parametrize(
    "measurement",
    [
        SHARE,
        Measurement.missing(3, "too few"),
        over_repetitions([SHARE]),
        over_repetitions([SHARE, SHARE, SHARE]),
        over_repetitions([SHARE, Measurement.missing(3, "too few")]),
    ],
)
def test_what_is_written_is_read_back(measurement):
    assert TypeAdapter(Measurement).validate_json(json.dumps(measurement.to_json())) == measurement


def test_the_written_form_has_only_what_applies():
    assert SHARE.to_json() == {"value": 0.5, "low": 0.4, "high": 0.7, "n": 100}
    assert set(over_repetitions([SHARE]).to_json()) == {"value", "low", "high", "n", "sd", "repetitions"}
    assert set(Measurement.missing(3, "too few").to_json()) == {"value", "low", "high", "n", "why"}


@pytest.mark.parametrize(
    "parts",
    [
        {"value": 0.8, "low": 0.4, "high": 0.7, "n": 1},
        {"value": math.nan, "low": 0.4, "high": 0.7, "n": 1},
        {"value": 0.5, "low": 0.4, "high": math.inf, "n": 1},
        {"value": 0.5, "low": None, "high": None, "n": 1},
        {"value": None, "low": None, "high": None, "n": 1},
    ],
)
def test_a_figure_without_an_interval_around_it_cannot_be_made(parts):
    with pytest.raises(ValueError, match="measurement"):
        Measurement(**parts)


def test_one_repetition_is_the_measurement_itself():
    one = over_repetitions([SHARE])
    assert (one.value, one.low, one.high, one.n) == (0.5, 0.4, 0.7, 100)
    assert (one.sd, one.repetitions) == (None, 1)


def test_repetitions_combine_both_uncertainties():
    shares = [Measurement(value=v, low=v - 0.03, high=v + 0.04, n=100) for v in (0.5, 0.52, 0.57)]
    combined = over_repetitions(shares)
    sd = np.std([0.5, 0.52, 0.57], ddof=1)
    spread = stats.t.ppf(0.975, 2) * sd / math.sqrt(3)
    assert combined.value == pytest.approx(0.53)
    assert combined.sd == pytest.approx(sd)
    assert combined.low == pytest.approx(0.53 - math.sqrt(spread**2 + 0.03**2))
    assert combined.high == pytest.approx(0.53 + math.sqrt(spread**2 + 0.04**2))
    assert (combined.n, combined.repetitions) == (100, 3)


@pytest.mark.parametrize(("shared", "sampling"), [(0.25, 0.015), (0.0, 0.0)])
def test_only_what_repetitions_share_of_the_sample_adds_to_their_spread(shared, sampling):
    values = (0.4, 0.5, 0.6)
    measured = [Measurement(value=v, low=v - 0.03, high=v + 0.03, n=100) for v in values]
    combined = over_repetitions(measured, shared=shared)
    spread = stats.t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    assert combined.high - combined.value == pytest.approx(math.hypot(spread, sampling))


def test_repetitions_that_agree_keep_the_uncertainty_of_the_sample():
    combined = over_repetitions([SHARE] * 5)
    assert (combined.low, combined.high) == pytest.approx((0.4, 0.7))
    assert combined.sd == pytest.approx(0.0)


def test_a_share_stays_a_share_and_a_divergence_is_not_cut():
    wild = [Measurement(value=v, low=v, high=v, n=10) for v in (0.1, 0.9)]
    assert (over_repetitions(wild).low, over_repetitions(wild).high) == (0.0, 1.0)
    unbounded = over_repetitions(wild, bounded=False)
    assert unbounded.low < 0
    assert unbounded.high > 1


def test_one_missing_repetition_makes_the_result_missing():
    combined = over_repetitions([SHARE, Measurement.missing(3, "too few")])
    assert (combined.value, combined.why) == (None, "too few")
    with pytest.raises(ValueError, match="at least one"):
        over_repetitions([])


def test_targets_differ_by_chance_that_their_spread_contains():
    values = (0.5, 0.52, 0.57)
    combined = over_targets([Measurement(value=v, low=v - 0.03, high=v + 0.04, n=100) for v in values])
    spread = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / math.sqrt(3)
    assert combined.value == pytest.approx(np.mean(values))
    assert (combined.low, combined.high) == pytest.approx((combined.value - spread, combined.value + spread))
    assert (combined.n, combined.repetitions) == (100, 3)


def test_targets_that_come_out_alike_keep_what_their_number_leaves_of_the_uncertainty():
    combined = over_targets([SHARE] * 4)
    assert (combined.low, combined.high) == pytest.approx((0.5 - 0.1 / 2, 0.5 + 0.2 / 2))
    assert over_targets([SHARE]) == over_repetitions([SHARE])
