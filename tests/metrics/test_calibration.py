"""The expected calibration error, beside one that adds up bins by hand, and where it is known."""

import numpy as np
import pytest

from privattack.metrics import calibration_error


def by_bins(confidence, right):
    error = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence >= low) & (confidence < low + 1 / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def test_it_is_the_sum_over_bins():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.1, 0.999, 500)
    right = random.uniform(size=500) < confidence**2
    found = calibration_error(confidence, right)
    assert found.value == pytest.approx(by_bins(confidence, right))
    assert found.known.low < found.known.value < found.known.high


def test_answers_that_are_sure_and_wrong_err_wholly_and_calibrated_ones_hardly():
    assert calibration_error(np.ones(100), np.zeros(100, dtype=bool)).value == pytest.approx(1.0)
    random = np.random.default_rng(1)
    confidence = random.uniform(size=100_000)
    assert calibration_error(confidence, random.uniform(size=100_000) < confidence).known.high < 0.02
