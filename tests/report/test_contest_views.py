"""Extraction attacks stand beside each other at each budget, in a table and in plots."""

import pytest

from privattack.report import contest_views
from privattack.report.cells import Line
from privattack.report.drawing import Reference
from privattack.results.contests import contests
from tests.made_up_results import typed

CURVES = {
    "mea": {100: 0.70, 300: 0.80, 1000: 0.90},
    "activethief": {100: 0.75, 300: 0.86, 1000: 0.91},
    "knockoff": {100: 0.66, 300: 0.80, 1000: 0.90},
}


@pytest.fixture
def found(make_extraction):
    without = dict.fromkeys(CURVES["mea"], 0.6)
    results = [
        make_extraction({"published": curve, "adaptive": curve, "no_query": without}, attack=attack)
        for attack, curve in CURVES.items()
    ]
    return contests(typed(results))


def test_the_table_has_a_row_per_budget_with_leads(found):
    (table,) = contest_views.tables(found)
    assert table.titles == ["Queries", "Best one's lead", "Over mea (random)", "1.", "2.", "3."]
    few, some, many = table.rows
    best = [Line("activethief"), Line("[85.0, 87.0]", value="86.0")]
    assert some[:4] == ["300", Line("[4.4, 7.6]", value="6.0"), Line("[4.6, 7.4]", value="6.0"), best]
    assert few[0] == "100"
    assert many[:2] == ["1,000", Line("[-0.6, 2.6]", value="1.0", note="none beyond chance")]


def test_the_plots_have_a_line_per_attack_the_floor_and_the_target(found):
    fidelity, accuracy = contest_views.panels(found)
    lines = {curve.name: curve for curve in fidelity.plot.curves}
    assert list(lines) == ["mea", "activethief", "knockoff", "no query"]
    assert (lines["activethief"].x, lines["activethief"].y) == ([100, 300, 1000], [0.75, 0.86, 0.91])
    assert len({line.look for line in lines.values()}) == 4
    assert fidelity.plot.x.log
    assert [low for low, _ in lines["mea"].band] == pytest.approx([0.69, 0.79, 0.89])
    assert accuracy.plot.references == [Reference("target", 0.9)]
