"""Membership figures agree with slow references, and neither ties nor scale flatter the attacker."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve

from privattack.metrics import (
    accused,
    attack_accuracy,
    auc,
    balanced_accuracy,
    fit_threshold,
    over_repetitions,
    ppv,
    roc,
    tpr_at_fpr,
)


@st.composite
def scored(draw, least=1, most=25, values=6):
    """Scores with many ties, of at least one member and one non-member."""
    sizes = draw(st.integers(least, most)), draw(st.integers(least, most))
    total = sum(sizes)
    scores = draw(st.lists(st.integers(-values, values), min_size=total, max_size=total))
    membership = draw(st.permutations([True] * sizes[0] + [False] * sizes[1]))
    return np.array(scores, dtype=np.float64), np.array(membership)


def slow_delong(scores, membership):
    """DeLong et al. 1988 by comparing every member with every non-member: the two parts of the variance."""
    others = scores[~membership]
    wins = np.array([[float(m > o) + 0.5 * float(m == o) for o in others] for m in scores[membership]])
    by_member, by_other = wins.mean(axis=1), wins.mean(axis=0)
    return wins.mean(), (by_member.var(ddof=1) / len(by_member), by_other.var(ddof=1) / len(by_other))


@given(scored(least=2))
def test_auc_has_delongs_interval_on_the_logit_scale(case):
    scores, membership = case
    value, parts = slow_delong(scores, membership)
    measured = auc(scores, membership)
    assert measured.value == pytest.approx(value)
    assert measured.value == pytest.approx(roc_auc_score(membership, scores))
    if sum(parts) > 1e-12:
        sizes = membership.sum(), (~membership).sum()
        parts = [part + ((value - 0.5) / 2 / size) ** 2 for part, size in zip(parts, sizes, strict=True)]
        freedom = sum(parts) ** 2 / sum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
        reach = stats.t.ppf(0.975, freedom) * math.sqrt(sum(parts)) / (value * (1 - value))
        odds = value / (1 - value)
        for end, bound in ((odds * math.exp(-reach), measured.low), (odds * math.exp(reach), measured.high)):
            assert bound == pytest.approx(1 / (1 + 1 / end) if end else 0, abs=1e-6)


@pytest.mark.parametrize(
    "stretch",
    [lambda s: 3 * s + 1e6, lambda s: s * 1e300, lambda s: np.exp(50 * s), lambda s: 9 + s / 1e6, np.arctan],
)
@given(case=scored())
def test_figures_do_not_depend_on_the_scale_of_scores(stretch, case):
    scores, membership = case
    stretched = stretch(scores)
    assert auc(stretched, membership) == auc(scores, membership)
    for plain, moved in zip(roc(scores, membership)[:2], roc(stretched, membership)[:2], strict=True):
        np.testing.assert_array_equal(plain, moved)
    accused = scores >= fit_threshold(scores, membership)
    np.testing.assert_array_equal(accused, stretched >= fit_threshold(stretched, membership))


@pytest.mark.parametrize(("sign", "expected"), [(1, 1.0), (-1, 0.0), (0, 0.5)])
def test_auc_without_variance_still_has_an_interval(sign, expected):
    membership = np.arange(60) < 30
    measured = auc(sign * np.where(membership, 1.0, -1.0), membership)
    assert measured.value == expected
    assert 0.05 < measured.high - measured.low < 0.5
    assert 0.0 <= measured.low <= measured.high <= 1.0


def test_auc_of_a_perfect_attack_is_bounded_as_by_disjoint_pairs():
    membership = np.arange(50) < 30
    exact = stats.binomtest(20, 20).proportion_ci(method="exact")
    assert auc(membership.astype(np.float64), membership).low == pytest.approx(exact.low)


def test_infinite_scores_are_the_extremes():
    scores = np.array([-np.inf, -np.inf, 1.0, 2.0, np.inf, 3.0])
    membership = np.array([False, True, False, True, True, False])
    finite = np.array([-9.0, -9.0, 1.0, 2.0, 9.0, 3.0])
    assert auc(scores, membership) == auc(finite, membership)
    np.testing.assert_array_equal(roc(scores, membership)[1], roc(finite, membership)[1])
    assert fit_threshold(np.array([-np.inf, np.inf]), np.array([False, True])) == np.inf
    assert fit_threshold(np.array([np.inf, -np.inf]), np.array([False, True])) == -np.inf


@pytest.mark.parametrize("figure", [auc, roc, fit_threshold, lambda s, m: tpr_at_fpr(s, m, 0.1)])
def test_undefined_scores_are_refused(figure):
    with pytest.raises(ValueError, match="NaN for 1 of 2"):
        figure(np.array([np.nan, 1.0]), np.array([True, False]))


def test_large_scores_stay_apart():
    scores = 1e3 + np.arange(4) * 1e-9
    _, _, thresholds = roc(scores, np.array([False, True, False, True]))
    assert len(np.unique(thresholds)) == 5


@given(scored())
def test_roc_keeps_every_point(case):
    scores, membership = case
    fpr, tpr, thresholds = roc(scores, membership)
    for f, t, threshold in zip(fpr, tpr, thresholds, strict=True):
        accused = scores >= threshold
        assert f == pytest.approx(accused[~membership].mean())
        assert t == pytest.approx(accused[membership].mean())
    assert len(thresholds) == len(np.unique(scores)) + 1


@given(case=scored(least=21, most=60, values=15), fpr=st.sampled_from([0.5, 0.6, 0.75, 0.9]))
def test_tpr_at_fpr_lies_on_the_line_that_joins_the_ends_of_ties(case, fpr):
    scores, membership = case
    points = [
        ((scores >= threshold)[~membership].mean(), (scores >= threshold)[membership].mean())
        for threshold in [*np.unique(scores), np.inf]
    ]
    left = max(point for point in points if point[0] <= fpr)
    right = min(point for point in points if point[0] > fpr)
    expected = left[1] + (right[1] - left[1]) * (fpr - left[0]) / (right[0] - left[0])
    measured = tpr_at_fpr(scores, membership, fpr)
    assert measured.value == pytest.approx(expected)
    assert 0 <= measured.low <= measured.value <= measured.high <= 1


@pytest.mark.parametrize("fpr", [0.1, 0.01, 0.001])
def test_tpr_at_low_fpr_lies_on_the_roc(fpr):
    random = np.random.default_rng(2)
    membership = np.arange(12_000) < 2_000
    scores = random.normal(membership * 1.0)
    rates, hits, _ = roc_curve(membership, scores, drop_intermediate=False)
    measured = tpr_at_fpr(scores, membership, fpr)
    assert measured.value == hits[rates <= fpr].max()
    assert measured.n == 2_000


def test_the_interval_of_a_tpr_holds_the_threshold_too():
    random = np.random.default_rng(2)
    membership = np.arange(2_000) < 1_000
    scores = random.normal(2.0 * membership)
    measured = tpr_at_fpr(scores, membership, 0.01)
    descending = np.sort(scores[~membership])[::-1]
    places = stats.binom.ppf([0.025, 0.975], 1_000, 0.01).astype(int)
    fewest, most = (np.mean(scores[membership] > descending[place]) for place in places)
    exact = stats.binomtest(round(1_000 * measured.value), 1_000).proportion_ci(method="exact")
    value = measured.value
    assert measured.high - value == pytest.approx(math.hypot(exact.high - value, most - value))
    assert value - measured.low == pytest.approx(math.hypot(value - exact.low, value - fewest))


def test_a_tie_is_a_coin():
    membership = np.arange(200) < 100
    assert tpr_at_fpr(np.zeros(200), membership, 0.1).value == pytest.approx(0.1)
    scores = np.where(membership, 1.0, 0.0)
    scores[100:120] = 1.0  # every member ties with 20 of 100 non-members: at 10 % a coin accuses half of them
    assert tpr_at_fpr(scores, membership, 0.1).value == pytest.approx(0.5)
    np.testing.assert_array_equal(np.unique(accused(scores, membership, 0.1)), [0.0, 0.5])
    assert roc(scores, membership)[1].tolist() == [0.0, 1.0, 1.0]


def test_a_score_of_too_few_levels_for_a_rate_says_so():
    membership = np.arange(400) < 200
    scores = np.where(np.arange(400) % 4 == 0, 0.0, 1.0)
    assert "2 levels" in tpr_at_fpr(scores, membership, 0.1).note
    assert "2 levels" in over_repetitions([tpr_at_fpr(scores, membership, 0.1)] * 2).to_json()["note"]
    assert tpr_at_fpr(np.arange(400) // 2.0, membership, 0.1).note is None


def test_what_chance_comes_to():
    random = np.random.default_rng(6)
    membership = np.arange(300) < 200
    found = [tpr_at_fpr(random.normal(size=300), membership, 0.1).value for _ in range(1_000)]
    assert np.mean(found) == pytest.approx(11 / 101, abs=0.004)


def test_a_product_that_rounds_down_loses_no_false_positive():
    membership = np.arange(200) < 100
    scores = np.concatenate([np.zeros(100), np.arange(100.0, 0.0, -1.0)])
    scores[membership] = 71.5  # 29 non-members score higher, and 0.29 * 100 = 28.999999999999996
    assert tpr_at_fpr(scores, membership, 0.29).value == 1.0
    assert tpr_at_fpr(scores, membership, 0.28).value == 0.0


def test_a_low_rate_needs_enough_nonmembers():
    membership = np.arange(10_999) < 1_000
    short = tpr_at_fpr(np.zeros(10_999), membership, 0.001)
    assert short.value is None
    assert "10000" in short.why
    assert "9999" in short.why
    assert tpr_at_fpr(np.zeros(11_000), np.arange(11_000) < 1_000, 0.001).value == pytest.approx(0.001)


@given(scored())
def test_the_threshold_is_the_best_and_the_most_cautious(case):
    scores, membership = case
    quality = {t: balanced_accuracy_score(membership, scores >= t) for t in np.unique(scores)}
    best = max(quality.values())
    assert fit_threshold(scores, membership) == max(t for t, q in quality.items() if q > best - 1e-12)


@given(case=scored(), threshold=st.integers(-6, 6))
def test_accuracies_of_decisions(case, threshold):
    scores, membership = case
    decisions = scores >= threshold
    assert attack_accuracy(decisions, membership).value == np.mean(decisions == membership)
    balanced = balanced_accuracy(decisions, membership)
    assert balanced.value == pytest.approx(balanced_accuracy_score(membership, decisions))
    assert 0.0 <= balanced.low < balanced.high <= 1.0


def test_intervals_of_decisions_cover_the_truth():
    random = np.random.default_rng(3)
    membership = np.arange(300) < 100
    truth = {"balanced": (0.3 + 0.9) / 2, "ppv": 0.5 * 0.3 / (0.5 * 0.3 + 0.5 * 0.1)}
    covered = {"balanced": 0, "ppv": 0}
    for _ in range(400):
        decisions = random.random(300) < np.where(membership, 0.3, 0.1)
        for name, measured in (
            ("balanced", balanced_accuracy(decisions, membership)),
            ("ppv", ppv(decisions, membership, 0.5)),
        ):
            covered[name] += measured.low <= truth[name] <= measured.high
    assert covered["balanced"] >= 0.94 * 400
    assert covered["ppv"] >= 0.92 * 400


@given(case=scored(), threshold=st.integers(-6, 6), prior=st.sampled_from([0.01, 0.1, 0.5]))
def test_ppv_is_bayes_rule(case, threshold, prior):
    scores, membership = case
    decisions = scores >= threshold
    measured = ppv(decisions, membership, prior)
    if not decisions.any():
        assert measured.value is None
        assert "nobody" in measured.why
        return
    tpr, fpr = decisions[membership].mean(), decisions[~membership].mean()
    assert measured.value == pytest.approx(prior * tpr / (prior * tpr + (1 - prior) * fpr))
    assert 0.0 <= measured.low <= measured.value <= measured.high <= 1.0
    assert ppv(decisions, membership, prior) == measured


def test_an_attack_without_false_alarms_is_not_called_infallible():
    membership = np.arange(2_000) < 1_000
    decisions = np.arange(2_000) < 10
    measured = ppv(decisions, membership, 0.01)
    rights = 0.01 * stats.beta.rvs(10.5, 990.5, size=100_000, random_state=0)
    wrongs = 0.99 * stats.beta.rvs(0.5, 1000.5, size=100_000, random_state=1)
    assert measured.value == measured.high == 1.0
    assert measured.low == pytest.approx(np.quantile(rights / (rights + wrongs), 0.025), rel=0.2)


@pytest.mark.parametrize(
    "figure",
    [auc, roc, fit_threshold, lambda s, m: ppv(s > 0, m, 0.1), lambda s, m: attack_accuracy(s > 0, m)],
)
def test_a_bit_for_every_image_is_needed(figure):
    with pytest.raises((ValueError, TypeCheckError)):  # the latter where shapes are checked
        figure(np.zeros(3), np.array([True, False]))


@pytest.mark.parametrize("member", [True, False])
def test_one_kind_of_image_is_not_enough(member):
    membership = np.full(5, member)
    for measured in (
        auc(np.zeros(5), membership),
        balanced_accuracy(membership, membership),
        ppv(np.ones(5, dtype=bool), membership, 0.5),
    ):
        assert measured.value is None
        assert "members" in measured.why
    for figure in (roc, fit_threshold):
        with pytest.raises(ValueError, match="non-members"):
            figure(np.zeros(5), membership)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_rates_and_priors_lie_between_nothing_and_everything(share):
    membership = np.array([True, False])
    with pytest.raises(ValueError, match="fpr"):
        tpr_at_fpr(np.zeros(2), membership, share)
    with pytest.raises(ValueError, match="prior"):
        ppv(membership, membership, share)
