import pytest

from privattack.findings.frontier import fronts
from privattack.report.frontier import plots, tables
from privattack.results.frontier import frontiers
from tests.made_up_results import measurement, typed


@pytest.fixture
def results(make_result):
    def behind(defence, strongest, *, l1, settings=None):
        attackers = {
            "published": {"fidelity": 0.3}, "adaptive": {"fidelity": strongest - 0.1}, "label": {"fidelity": strongest},
            "no_query": {"fidelity": 0.5},
        }  # fmt: skip
        made = make_result(attackers, settings or {}, defence=defence)
        made["service"]["l1"] = measurement(l1, 0.0)
        return made

    return typed([
        behind("none", 0.9, l1=0.0), behind("mad", 0.6, l1=0.9, settings={"defence.epsilon": 0.9}),
        behind("mad", 0.8, l1=0.5, settings={"defence.epsilon": 0.5}), behind("noise", 0.88, l1=0.6),
    ])  # fmt: skip


def test_the_strongest_attacker_stands_for_a_defence_with_an_interval_for_all_of_them(results):
    (frontier,) = frontiers(results)
    assert [one.name for one in frontier.points] == [
        "none", "mad, defence.epsilon 0.9", "mad, defence.epsilon 0.5", "noise",
    ]  # fmt: skip
    for point, success in zip(frontier.points, (0.9, 0.6, 0.8, 0.88), strict=True):
        assert point.attacker.name == "label"
        assert point.success.known.value == pytest.approx(success)
        assert point.success.known.high - success > 0.02
    assert frontier.undefended is frontier.points[0]
    assert frontier.floor.known.value == 0.5


def test_a_defence_lies_on_the_front_unless_another_is_no_worse_in_anything(results):
    (frontier,) = frontiers(results)
    assert [one.name for one in frontier.front] == ["none", "mad, defence.epsilon 0.9", "mad, defence.epsilon 0.5"]
    said, useless = fronts([frontier])
    assert said.startswith(
        "On the front of 4 services lie no defence, mad, defence.epsilon 0.9 and mad, defence.epsilon 0.5: behind each"
    )
    assert useless == "Compared image by image, the strongest attacker loses nothing that can be measured to noise."


def test_plots_have_a_line_for_the_strengths_of_a_defence_and_reference_lines(results):
    accuracy, distortion = plots(frontiers(results))
    assert len(distortion.plot.dots) == 4
    (line,) = distortion.plot.curves
    assert line.x == (0.5, 0.9)
    assert {one.at for one in accuracy.plot.references} == {0.5, 0.9}


def test_the_table_names_the_strongest_among_how_many_and_what_it_loses(results):
    (table,) = tables(frontiers(results))
    assert table.rows[0][0] == "none"
    assert table.rows[-1][2][1].text == "label, the best of 3"
    assert table.rows[-1][3].value == "30.0"
    assert [row[-1] for row in table.rows] == ["yes", "", "yes", "yes"]


def test_one_service_alone_is_no_frontier(results):
    assert frontiers(results[:1]) == []
