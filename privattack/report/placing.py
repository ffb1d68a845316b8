"""Where names stand in a plot, so that none lies over another; all in shares of the plot's width and height."""

from collections.abc import Sequence

Place = tuple[float, float]


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Return places as near to some heights as can be, in their order, each at least `gap` from the next."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    highest = 1 - gap * (len(order) - 1) / 2
    places: list[float] = []
    for index in order:
        places.append(max(heights[index], places[-1] + gap) if places else min(heights[index], highest))
    # Those pushed over the top push the others down.
    ceiling = 1.02
    for index in reversed(range(len(places))):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    found = [0.0] * len(order)
    for index, place in zip(order, places, strict=True):
        found[index] = place
    return found


def beside_dots(
    dots: Sequence[tuple[float, float]], widths: Sequence[float], height: float
) -> list[tuple[float, float]]:
    """Return a name's middle for each dot: above or below it, within the plot, where no other name or dot is.

    Args:
        widths, height: of the names.
    """
    taken = [(x, y, 0.02) for x, y in dots]
    found = [(0.0, 0.0)] * len(dots)
    for index in sorted(range(len(dots)), key=lambda index: dots[index]):
        (x, y), half = dots[index], widths[index] / 2
        middle = min(max(x, half), 1 - half)
        places = [y + sign * rows * height for rows in (1.3, 2.3, 3.3, 4.3, 5.3) for sign in (1, -1)]
        free = (
            place
            for place in places
            if height / 2 < place < 1 - height / 2
            and all(abs(middle - a) > half + wide or abs(place - b) > height for a, b, wide in taken)
        )
        found[index] = (middle, next(free, places[0]))
        taken.append((*found[index], half))
    return found
