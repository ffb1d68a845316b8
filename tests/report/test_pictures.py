"""TensorBoard's Images tab shows the page's plots."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from privattack.report.draw import WIDTH
from privattack.report.pictures import write_pictures
from privattack.results.collect import collect


def test_a_suite_has_its_roc_and_the_histograms_of_the_best(make_suite, write_run, tmp_path):
    write_pictures(tmp_path / "events", collect([write_run(make_suite(), "run", curves=True)]).runs)
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert events.Tags()["images"] == ["roc", "histograms"]
    (histograms,) = events.Images("histograms")
    assert histograms.width == 3 * WIDTH


def test_a_sweep_has_success_against_budget_as_pictures_and_as_curves(make_suite, write_run, tmp_path):
    for budget in (100, 1000):
        folder = write_run(make_suite(budget=budget), str(budget), curves=True).parent
    write_pictures(tmp_path / "events", collect([folder]).runs)
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert events.Tags()["images"] == ["tpr_at_fpr_0.01_against_budget"]
    curves = EventAccumulator(str(tmp_path / "events" / "over_budgets" / "mia_suite, none")).Reload()
    assert [event.step for event in curves.Scalars("AUC/lira")] == [100, 1000]
