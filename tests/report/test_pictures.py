"""TensorBoard's Images tab shows the page's plots."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from privattack.report.drawing import Panel, add_area, empty_plot, label_ends
from privattack.report.pictures import HEIGHT, WIDTH, pixels, write_pictures
from privattack.results.collect import collect

BLUE = "#0000ff"


def share_of(picture, colour: str) -> float:
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return float((picture[..., :3] == wanted).all(axis=-1).mean())


def panel(*, visible: bool | str = True, low: float = 0.0) -> Panel:
    """Return a plot whose inside is blue above `low`, and a thick green line across it."""
    plot = empty_plot("x", "y")
    add_area(plot, [1, 100, 100, 1], [low, low, 1.0, 1.0], BLUE, opacity=1.0)
    line = {"color": "#00ff00", "dash": "solid", "width": 20}
    plot.add_scatter(x=[1, 100], y=[0.5, 0.5], mode="lines", name="line", line=line, visible=visible)
    plot.update_xaxes(type="log", range=[0, 2])
    plot.update_yaxes(range=[0, 1])
    return Panel("title", "words", plot)


def test_a_plot_is_drawn_with_its_areas_lines_axes_and_ranges():
    whole, half = pixels([panel()]), pixels([panel(low=0.5)])
    assert share_of(whole, BLUE) > 0.4
    assert share_of(half, BLUE) == pytest.approx(share_of(whole, BLUE) / 2, rel=0.05)
    assert share_of(whole, "#00ff00") > 0.03


def test_what_waits_in_the_legend_is_not_drawn():
    assert share_of(pixels([panel(visible="legendonly")]), "#00ff00") == 0


def test_names_are_text_whatever_users_wrote():
    evil = panel()
    label_ends(evil.plot, [(0.5, r"$\frac{$", "#ff0000")])
    assert not np.array_equal(pixels([evil]), pixels([panel()]))


def test_several_plots_lie_in_rows_of_three():
    picture = pixels([panel()] * 4)
    assert picture.shape == (2 * round(100 * HEIGHT), 3 * round(100 * WIDTH), 4)
    assert share_of(picture, BLUE) == pytest.approx(share_of(pixels([panel()]), BLUE) * 4 / 6, rel=0.05)


def test_a_suite_has_its_roc_and_the_histograms_of_the_best(make_suite, write_run, tmp_path):
    write_pictures(tmp_path / "events", collect([write_run(make_suite(), "run", curves=True)]).runs)
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert events.Tags()["images"] == ["roc", "histograms"]
    (histograms,) = events.Images("histograms")
    assert histograms.width == 3 * round(100 * WIDTH)


def test_a_sweep_has_success_against_budget_alone(make_suite, write_run, tmp_path):
    for budget in (100, 1000):
        folder = write_run(make_suite(budget=budget), str(budget), curves=True).parent
    write_pictures(tmp_path / "events", collect([folder]).runs)
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert events.Tags()["images"] == ["tpr_at_fpr_0.01_against_budget"]
