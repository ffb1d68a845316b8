import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privattack.attacks.membership.signals import entropy, gap, hinge, loss, margin, modified_entropy

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [0.01, 0.01, 0.98]])
LABELS = np.array([0, 2, 1])
SIGNALS = [loss, gap, entropy, modified_entropy, margin, hinge]


def test_the_signals_are_the_papers():
    """Yeom et al. 2018; Song & Mittal 2021, III.B; Carlini et al. 2022, IV.C; Bertran et al. 2023: by hand."""
    log = np.log(PROBABILITIES)
    np.testing.assert_allclose(loss(log, LABELS), np.log([0.7, 0.25, 0.01]))
    np.testing.assert_array_equal(gap(log, LABELS), [1, 0, 0])
    entropies = [-sum(-p * math.log(p) for p in row) for row in PROBABILITIES]
    np.testing.assert_allclose(entropy(log, LABELS), entropies)
    np.testing.assert_allclose(margin(log, LABELS), [math.log(p / (1 - p)) for p in (0.7, 0.25, 0.01)])
    np.testing.assert_allclose(hinge(log, LABELS), np.log([0.7 / 0.2, 0.25 / 0.5, 0.01 / 0.98]))
    modified = [
        0.3 * np.log(0.7) + 0.2 * np.log(0.8) + 0.1 * np.log(0.9),
        0.75 * np.log(0.25) + 0.25 * np.log(0.75) + 0.5 * np.log(0.5),
        0.99 * np.log(0.01) + 0.01 * np.log(0.99) + 0.98 * np.log(0.02),
    ]
    np.testing.assert_allclose(modified_entropy(log, LABELS), modified)


@given(share=st.floats(0.01, 0.98))
def test_modified_entropy_rises_with_the_true_class(share):
    """Song & Mittal's reason for it: unlike entropy, it falls when the target is sure of a wrong class."""
    rows = [[share, (1 - share) * 0.6, (1 - share) * 0.4], [share + 0.01, (0.99 - share) * 0.6, (0.99 - share) * 0.4]]
    less, more = modified_entropy(np.log(np.array(rows)), np.array([0, 0]))
    assert more > less


def test_the_margin_keeps_its_digits_where_the_true_class_is_almost_certain():
    logits = torch.tensor([[50.0, 0.0, 0.0], [60.0, 0.0, 0.0]], dtype=torch.float64)
    margins = margin(logits.log_softmax(dim=1).numpy(), np.array([0, 0]))
    np.testing.assert_allclose(margins, [50 - math.log(2), 60 - math.log(2)], rtol=1e-12)


def test_entropy_counts_nothing_for_a_class_that_is_impossible():
    log = np.array([[0.0, -np.inf], [math.log(0.5), math.log(0.5)]])
    np.testing.assert_allclose(entropy(log, np.array([0, 0])), [0.0, -math.log(2)], atol=1e-300)


@given(
    logits=st.lists(st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=4), min_size=1, max_size=6),
    label=st.integers(0, 3),
)
def test_signals_are_numbers_however_sure_the_target_is(logits, label):
    log = torch.tensor(logits, dtype=torch.float64).log_softmax(dim=1).numpy()
    labels = np.full(len(log), label)
    for signal in SIGNALS:
        values = signal(log, labels)
        assert values.shape == labels.shape
        assert values.dtype == np.float64
        assert np.isfinite(values).all()


@pytest.mark.parametrize("signal", SIGNALS)
def test_signals_leave_the_answers_as_they_are(signal):
    log = np.log(PROBABILITIES)
    signal(log, LABELS)
    np.testing.assert_array_equal(log, np.log(PROBABILITIES))


def test_modified_entropy_keeps_its_digits_where_a_model_is_all_but_certain():
    """For p_y = 1 - 9 e and p_i = e it is -81 e^2 - 9 e^2 up to higher orders: far below what 1 - e can tell from 1."""
    tiny = 1e-20
    answers = np.full((1, 10), np.log(tiny))
    answers[0, 3] = np.log1p(-9 * tiny)
    np.testing.assert_allclose(modified_entropy(answers, np.array([3])), -90 * tiny**2, rtol=1e-9)
