"""What is described is drawn: on the page, in files, and as pixels."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from privattack.measurement import Measurement
from privattack.report.draw import LARGE, WIDTH, pixels, save, svg
from privattack.report.drawing import Axis, Curve, Dot, Panel, Plot, Reference, measured
from privattack.report.looks import LOOKS, Look

GREEN = Look("#00ff00", "-", "o")
FIGURE = Measurement(value=0.9, low=0.8, high=0.95, n=100)


def panel(**settings) -> Panel:
    plot = {"x": Axis("queries", log=True), "y": Axis("fidelity", percent=True), **settings}
    return Panel("title", "words", Plot(**plot))


def words_of(drawn) -> list[str]:
    return [node.text for node in ElementTree.fromstring(drawn).iter() if node.text and node.text.strip()]


def test_a_curve_has_its_name_and_its_points_say_what_they_are():
    drawn = words_of(svg(panel(curves=[measured("adaptive", LOOKS["adaptive"], {100: FIGURE, 1000: FIGURE})])))
    assert "adaptive: 90.0 % [80.0, 95.0] at 1,000" in drawn
    assert drawn.count("adaptive") == 2  # at its end, and where the pointer rests on it
    assert {"queries", "fidelity"} <= {*drawn}


def test_a_pale_curve_is_named_only_where_the_pointer_rests_on_it():
    pale = Curve("loss", [1, 10], [0.1, 1], GREEN, markers=0, pale=True)
    assert words_of(svg(panel(curves=[pale], names="lower right"))).count("loss") == 1


def test_dots_references_and_ticks_have_their_names():
    plot = panel(
        x=Axis("users' accuracy", percent=True), y=Axis("", ticks={0: "first", 1: "second"}),
        dots=[Dot("flatten", FIGURE, 0, GREEN), Dot("none", FIGURE, 1, GREEN)],
        references=[Reference("coin", 0.85, vertical=True)], names="dots",
    )  # fmt: skip
    drawn = words_of(svg(plot))
    assert {"flatten", "none", "coin", "first", "second", "flatten: 90.0 % [80.0, 95.0]"} <= {*drawn}


@pytest.mark.parametrize("name", [r"$\frac{$", "<b>&amp;", "\x00\ud800", "名前", "#1d4ed8; font: 9px Arial"])
def test_names_are_text_whatever_users_wrote(name):
    shown = "\ufffd\ufffd" if name == "\x00\ud800" else name
    plot = panel(curves=[Curve(name, [1, 10], [0.1, 1], GREEN)])
    assert shown in words_of(svg(plot))
    assert not np.array_equal(pixels([plot]), pixels([panel(curves=[Curve("", [1, 10], [0.1, 1], GREEN)])]))


def test_the_same_plot_is_drawn_alike_and_another_has_names_of_its_own():
    plot = panel(curves=[Curve("one", [1, 10], [0.1, 1], GREEN)])
    assert svg(plot) == svg(plot)
    ids = [
        {node.get("id") for node in ElementTree.fromstring(svg(one)).iter()} - {None}
        for one in (plot, replace(plot, title="another"))
    ]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_limits_and_areas_are_drawn():
    settings = {"x": Axis("x", limits=(0, 1)), "y": Axis("y", limits=(0, 1)), "names": "none"}
    line = Curve("line", [0, 1], [0.5, 0.5], GREEN, markers=0)
    bare, filled = (pixels([panel(curves=[one], **settings)]) for one in (line, replace(line, filled=True)))
    changed = (bare != filled).any(axis=-1).mean()
    assert 0.2 < changed < 0.5  # the lower half of what is within the axes


def test_several_plots_lie_in_rows_of_three_as_wide_as_the_largest():
    plot = panel(curves=[Curve("one", [1, 10], [0.1, 1], GREEN)])
    assert pixels([plot] * 4).shape[1] == 3 * WIDTH
    assert pixels([plot, replace(plot, large=True)]).shape[1] == 2 * LARGE


@pytest.mark.parametrize(("form", "begins"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_a_plot_is_a_file_the_same_each_time(form, begins, tmp_path):
    plot = panel(curves=[Curve("one", [1, 10], [0.1, 1], GREEN)])
    for name in ("first", "second"):
        save(plot, tmp_path / f"{name}.{form}")
    first, second = ((tmp_path / f"{name}.{form}").read_bytes() for name in ("first", "second"))
    assert first.startswith(begins)
    assert first == second
    assert b"/Type3" not in first
