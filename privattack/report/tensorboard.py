"""TensorBoard: the curves of a run, its figures, and its line in the HParams tab."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard.summary import hparams

from privattack.atomic_write import with_path
from privattack.results.figures import LOW_RATE, has_many
from privattack.results.naming import FIELDS, attributes
from privattack.results.result import Result, Run

# Of many attackers, what HParams has a column for: all figures of all would be hundreds.
COLUMNS = (LOW_RATE, "auc", "test_accuracy_at_end")


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
    figures = {
        f"{attacker.name}/{name}": measurement.value
        for attacker in result.attackers
        for name, measurement in attacker.metrics.items()
        if measurement.value is not None
    }
    if result.target.test_accuracy.value is not None:
        figures["target/test_accuracy_at_end"] = result.target.test_accuracy.value
    writer = logger.experiment
    for row in curves:
        for name, value in row.items():
            if name != "epoch":
                writer.add_scalar(f"surrogate/{name}", value, int(row["epoch"]))
    for name, value in figures.items():
        writer.add_scalar(name, value, 0)
    for number, sentence in enumerate(result.findings):
        writer.add_text("findings", sentence, number)
    # SummaryWriter.add_hparams would put the line into a run of its own.
    many = has_many(result)
    compared = {name: value for name, value in figures.items() if not many or name.split("/")[-1] in COLUMNS}
    for summary in hparams(_settings(result.run), compared):
        for value in summary.value:
            _name_trial(value, Path(logger.save_dir), result.run.attack)
        writer.file_writer.add_summary(summary)
    writer.close()


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
