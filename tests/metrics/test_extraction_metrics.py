"""Divergence means what the papers mean by it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from privattack.metrics import kl_divergence, mean_kl_divergence


@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 50.0))
def test_divergence_is_the_mean_relative_entropy(seed, scale):
    target, surrogate = log_softmax(np.random.default_rng(seed).normal(0, scale, (2, 8, 10)), axis=2)
    expected = np.mean([np.sum(np.exp(t) * (t - s)) for t, s in zip(target, surrogate, strict=True)])
    measured = mean_kl_divergence(kl_divergence(target, surrogate))
    assert measured.value == pytest.approx(expected)
    assert 0.0 <= measured.low <= measured.value <= measured.high


def test_divergence_goes_from_target_to_surrogate():
    sure, unsure = np.log(np.array([[0.9, 0.1]] * 2)), np.log(np.array([[0.5, 0.5]] * 2))
    assert mean_kl_divergence(kl_divergence(sure, unsure)).value == pytest.approx(0.9 * np.log(1.8) + 0.1 * np.log(0.2))


def test_equal_answers_do_not_diverge():
    answers = log_softmax(np.random.default_rng(0).normal(size=(50, 10)), axis=1).astype(np.float32)
    assert mean_kl_divergence(kl_divergence(answers, answers)).value == 0.0


def test_classes_ruled_out():
    half = np.log(np.full((2, 2), 0.5))
    sure = np.array([[0.0, -np.inf]] * 2)
    assert mean_kl_divergence(kl_divergence(sure, half)).value == pytest.approx(np.log(2))
    assert mean_kl_divergence(kl_divergence(sure, sure)).value == 0.0
    infinite = mean_kl_divergence(kl_divergence(half, sure))
    assert infinite.value is None
    assert "2 images" in infinite.why


def test_a_surrogate_whose_training_diverged_has_no_divergence_and_a_target_must_have_answers():
    half, undefined = np.log(np.full((2, 2), 0.5)), np.full((2, 2), np.nan)
    assert mean_kl_divergence(kl_divergence(half, undefined)).why == "2 of 2 values are infinite or not a number"
    with pytest.raises(ValueError, match="NaN"):
        mean_kl_divergence(kl_divergence(undefined, half))
