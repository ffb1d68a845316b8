"""What a plot shows, described once: `draw.py` makes of it a part of the page, a file, or TensorBoard's picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from privattack.measurement import Measurement
from privattack.report.looks import Look

Number = int | float


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        percent: whether its values are shares.
        limits: where it begins and ends; by default a little beyond what is drawn.
        ticks: texts by their places on it; by default round numbers.
    """

    title: str
    log: bool = False
    percent: bool = False
    limits: tuple[Number, Number] | None = None
    ticks: Mapping[Number, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Curve:
    """A line.

    Attributes:
        band: an interval at each of its points, or none.
        markers: how many of its points have one; None for all of them.
        filled: whether the area below it is.
        pale: whether it stays in the background, without a name beside it.
    """

    name: str
    x: Sequence[Number]
    y: Sequence[Number]
    look: Look
    band: Sequence[tuple[Number, Number]] = ()
    markers: int | None = None
    filled: bool = False
    pale: bool = False


@dataclass(frozen=True)
class Dot:
    """A point, with an interval in each direction in which it is a measurement.

    Attributes:
        pale: whether it stays without a name beside it.
    """

    name: str
    x: Measurement | Number
    y: Measurement | Number
    look: Look
    pale: bool = False


@dataclass(frozen=True)
class Reference:
    """A line across the plot: at a place of the y axis, or of the x axis where it is vertical."""

    name: str
    at: Number
    vertical: bool = False


@dataclass(frozen=True)
class Plot:
    """What is drawn on two axes.

    Attributes:
        names: where names stand: at the right ends of curves, in a legend in the corner or above, at dots, or nowhere.
            Those of lines across the plot stand at its edge.
        height: in pixels.
    """

    x: Axis
    y: Axis
    curves: Sequence[Curve] = ()
    dots: Sequence[Dot] = ()
    references: Sequence[Reference] = ()
    names: Literal["ends", "lower right", "above", "dots", "none"] = "ends"
    height: int = 300


@dataclass(frozen=True)
class Panel:
    """A plot, its title, and what it shows in words; a folded one is seen on request.

    A large one shares its row with one other at most. `picture` is the name of TensorBoard's picture that it is a part
    of, where it is one.
    """

    title: str
    description: str
    plot: Plot
    folded: bool = False
    large: bool = False
    picture: str = ""


def measured(name: str, look: Look, points: Mapping[int, Measurement]) -> Curve:
    """Return measurements as a curve over their x, with their intervals as a band."""
    known = [one.known for one in points.values()]
    return Curve(name, [*points], [one.value for one in known], look, band=[(one.low, one.high) for one in known])
