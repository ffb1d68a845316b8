"""Names in a plot do not lie over each other."""

import itertools

import pytest

from privattack.report.placing import beside_dots, spread


@pytest.mark.parametrize("heights", [[0.5, 0.5, 0.51], [1.0, 0.99, 0.2], [0.0], []])
def test_names_of_lines_that_end_together_lie_apart_in_their_order(heights):
    places = spread(heights, 0.1)
    ordered = [place for _, place in sorted(zip(heights, places, strict=True))]
    assert all(upper - lower > 0.0999 for lower, upper in itertools.pairwise(ordered))
    assert all(place <= 1 for place in places)


def test_names_of_lines_that_end_apart_stay_at_their_ends():
    assert spread([0.9, 0.2, 0.5], 0.1) == [0.9, 0.2, 0.5]


def test_names_of_dots_lie_over_no_other_name_or_dot():
    dots = [(0.5, 0.5), (0.52, 0.5), (0.98, 0.9), (0.5, 0.6)]
    places = beside_dots(dots, [0.2] * 4, 0.05)
    for (x, y), (a, b) in itertools.combinations(places, 2):
        assert abs(x - a) >= 0.2 or abs(y - b) >= 0.05
    assert all(abs(x - a) > 0.1 or abs(y - b) > 0.05 for x, y in dots for a, b in places)
    assert all(0.1 <= x <= 0.9 for x, _ in places)
