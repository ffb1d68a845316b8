"""The 95 % intervals hold the truth as often as they say; tests/benchmarks/coverage.py has a longer table."""

import numpy as np
import pytest

from tests.benchmarks.coverage import coverage, table

ROWS = dict(table())
SIMULATED = {  # and how often
    "share of 1 %, 2,000 images": 1_000,
    "AUC 0.5, 20 members, 20 others": 1_000,
    "AUC 0.88, 20 members, 200 others": 1_000,
    "AUC 0.95, 50 members, 1,000 others": 1_000,
    "TPR at 10 % FPR, 1,000 each, 100 % of the members 0.5 sd higher": 500,
    "TPR at 1 % FPR, 1,000 each, 100 % of the members 2 sd higher": 500,
    "TPR at 1 % FPR, 1,000 each, 10 % of the members 4 sd higher": 500,
    "TPR at 1 % FPR, 1,000 each, members 0.5 sd higher, scores rounded to 0.5 sd": 500,
    "AUC of the blind, cross-fitted, 200 images of noise": 100,
    "share over 20 repetitions, 1,000 images; sd 0 of images, 0.1 of repetitions": 200,
    "share over 5 repetitions, 1,000 images; sd 2 of images, 0 of repetitions": 200,
}


@pytest.mark.parametrize("name", SIMULATED)
def test_an_interval_holds_the_truth_as_often_as_it_says(name):
    held, _ = coverage(ROWS[name], SIMULATED[name])
    chance = 2 * np.sqrt(0.05 * 0.95 / SIMULATED[name])
    assert 0.93 - chance / 2 <= held <= 0.98 + chance / 2
