"""TensorBoard: the curves of a run, its figures, and its line in the HParams tab."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from privattack.atomic_write import with_path
from privattack.results.curves import at_each_budget
from privattack.results.figures import LOW_RATE, has_many
from privattack.results.naming import FIELDS, attributes
from privattack.results.result import Result, Run

# What attackers are compared by: HParams sorts its columns by their names, capitals first, and shows the first five.
HEADLINES = {"fidelity": "Fidelity", LOW_RATE: "TPR_at_1_percent_FPR", "auc": "AUC"}


class RunLogger(TensorBoardLogger):
    """Lightning's TensorBoard logger for one run: events lie in the run's own folder, and nothing else."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, name="", version="")

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write figures; see Lightning's."""
        with with_path(Path(self.save_dir)):
            super().log_metrics(metrics, step)

    def save(self) -> None:
        """Write what is pending; the settings stand in the run's configuration, not in a file of Lightning's."""
        self.experiment.flush()


def write_events(logger: RunLogger, result: Result, curves: list[dict[str, float]]) -> None:
    """Write a run's figures, the surrogates' training curves and the HParams line.

    Args:
        logger: the run's, which has the target's curves where it was trained.
        result: the run's.
        curves: a row per epoch of the attack's training: `epoch` and named losses.
    """
    writer = logger.experiment
    for row in curves:
        for name, value in row.items():
            if name != "epoch":
                writer.add_scalar(f"surrogate/{name}", value, int(row["epoch"]))
    write_figures(writer, result)
    if result.target.test_accuracy.value is not None:
        writer.add_scalar("target/test_accuracy_at_end", result.target.test_accuracy.value, result.run.budget)
    for number, sentence in enumerate(result.findings):
        writer.add_text("findings", sentence, number)
    # SummaryWriter.add_hparams would put the line into a run of its own. What is written first, the columns of all
    # runs, is left out: TensorBoard finds out itself in which settings runs differ, and shows those first.
    _, *session = hparams(_settings(result.run), {})
    for summary in session:
        for value in summary.value:
            _name_trial(value, Path(logger.save_dir), result.run.attack)
        writer.file_writer.add_summary(summary)
    writer.close()


def write_figures(writer: SummaryWriter, result: Result) -> None:
    """Write what attackers reach, with the budget as the step: several budgets are a curve.

    Of many attackers only what they are ranked by: all figures of all would be hundreds.
    """
    many = has_many(result)
    for one in at_each_budget(result):
        for attacker in one.attackers:
            for name, measurement in attacker.metrics.items():
                tag = f"{HEADLINES[name]}/{attacker.name}" if name in HEADLINES else f"{attacker.name}/{name}"
                if measurement.value is not None and (name in HEADLINES or not many):
                    writer.add_scalar(tag, measurement.value, one.run.budget)


def _name_trial(value: Any, folder: Path, attack: str) -> None:
    """Let the HParams tab call a run by what differs first, and when it ran after that."""
    session = HParamsPluginData.FromString(value.metadata.plugin_data.content)
    if session.HasField("session_start_info"):
        when, what = sorted((folder.name, folder.parent.name), key=lambda part: part.startswith(f"{attack}-"))
        session.session_start_info.group_name = f"{what} {when}"
        value.metadata.plugin_data.content = session.SerializeToString()


def _settings(run: Run) -> dict[str, str | float | bool]:
    """Return what HParams compares runs by: every setting that matters but for those of parts within parts."""
    found = attributes(run)
    chosen = {
        name: value
        for name, value in found.items()
        if name in FIELDS or (name.count(".") == 1 and not name.endswith("._target_"))
    }
    return {
        name: "-" if value is None else value if isinstance(value, str | bool | int | float) else str(value)
        for name, value in chosen.items()
    }
