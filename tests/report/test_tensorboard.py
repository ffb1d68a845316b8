import errno

import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from privattack.report.tensorboard import RunLogger, write_events
from tests.made_up_results import typed

FIGURE = {"value": 0.75, "low": 0.7, "high": 0.8, "n": 100}
MISSING = {"value": None, "low": None, "high": None, "n": 0, "why": "nothing"}
RESULT = {
    "schema": 1,
    "run": {
        "attack": "mea",
        "defence": "none",
        "data": "digits",
        "nonmembers": None,
        "seed": 3,
        "budget": 200,
        "repetitions": 1,
        "config": {
            "target": {"epochs": 2, "gamma": 0.7, "train_size": None, "network": {"_target_": "mine.Net"}},
            "surrogate": {"epochs": 10, "lr": 0.001},
            "defence": {"_target_": "privattack.defences.none.NoDefence", "low": 0.05},
        },
    },
    "target": {"train_accuracy": FIGURE, "test_accuracy": FIGURE, "trained": True, "fingerprint": "0"},
    "service": {"images": 200, "test_accuracy": FIGURE, "labels_changed": FIGURE, "l1": FIGURE},
    "attackers": [
        {"name": "published", "knowledge": "published", "metrics": {"fidelity": FIGURE, "fidelity_unqueried": MISSING}}
    ],
    "findings": ["A sentence."],
    "timings": {},
    "versions": {},
}


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> EventAccumulator:
    folder = tmp_path_factory.mktemp("run")
    curves = [{"epoch": 0.0, "published_loss": 2.0}, {"epoch": 1.0, "published_loss": 1.0}]
    write_events(RunLogger(folder), typed(RESULT), curves)
    assert all(path.name.startswith("events.out.tfevents") for path in folder.iterdir())
    return EventAccumulator(str(folder)).Reload()


def test_a_runs_figures_and_curves_are_scalars(events):
    assert [(event.step, event.value) for event in events.Scalars("Fidelity/published")] == [(200, 0.75)]
    curve = [(event.step, event.value) for event in events.Scalars("surrogate/published_loss")]
    assert curve == [(0, 2.0), (1, 1.0)]


def test_several_budgets_are_a_curve(make_extraction, tmp_path):
    write_events(RunLogger(tmp_path), typed(make_extraction({"adaptive": {100: 0.7, 300: 0.8}})), [])
    drawn = EventAccumulator(str(tmp_path)).Reload().Scalars("Fidelity/adaptive")
    assert [(event.step, round(event.value, 2)) for event in drawn] == [(100, 0.7), (300, 0.8)]


def test_a_figure_that_cannot_be_given_is_left_out(events):
    assert "published/fidelity_unqueried" not in events.Tags()["scalars"]


def test_a_run_is_one_line_in_the_hparams_tab(events):
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert {name: settings[name].string_value for name in ("attack", "defence", "data", "nonmembers", "target")} == {
        "attack": "mea",
        "defence": "none",
        "data": "digits",
        "nonmembers": "-",
        "target": "net",
    }
    assert settings["budget"].number_value == 200
    assert settings["surrogate.epochs"].number_value == 10
    assert settings["target.train_size"].string_value == "-"
    assert settings["defence.low"].number_value == 0.05
    assert not any(name.endswith("_target_") for name in settings)
    # TensorBoard finds out by itself in what runs differ.
    with pytest.raises(KeyError):
        events.SummaryMetadata("_hparams_/experiment")


def test_findings_are_text(events):
    assert "findings/text_summary" in events.Tags()["tensors"]


def test_of_many_attackers_only_what_they_are_ranked_by_is_written(make_suite, tmp_path):
    write_events(RunLogger(tmp_path), typed(make_suite()), [])
    scalars = EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"]
    assert {name.split("/")[0] for name in scalars} == {"AUC", "TPR_at_1_percent_FPR", "target"}


def test_a_full_disk_is_named_by_the_runs_folder(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TensorBoardLogger, "log_metrics", full)
    with pytest.raises(OSError, match="No space left") as caught:
        RunLogger(tmp_path).log_metrics({"loss": 1.0}, step=0)
    assert caught.value.filename == str(tmp_path)
