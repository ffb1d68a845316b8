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
    ceiling = 1.0
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
        places = [
            (min(max(middle + aside * (widths[index] + 0.04), half), 1 - half), y + rows * height)
            for aside in (0, -1, 1)
            for step in range(12)
            for rows in (step + 1.3, -step - 1.3)
        ]
        free = (
            (across, along)
            for across, along in places
            if height / 2 < along < 1 - height / 2
            and all(abs(across - a) > half + wide or abs(along - b) > height for a, b, wide in taken)
        )
        found[index] = next(free, places[0])
        taken.append((*found[index], half))
    return found
