"""Loggers of Lightning, which are told a finished run: its settings, its trainings and its figures."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from lightning.pytorch.loggers import Logger
from lightning.pytorch.loggers.logger import DummyExperiment

from privattack.errors import why
from privattack.results.naming import attributes
from privattack.results.result import Result

Row = Mapping[str, float]
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Forgiving(Logger):
    """A logger that is told a training by Lightning's Trainer while it goes on; where it fails, that is a warning.

    Args:
        logger: what is told until it fails, and has all else that callbacks ask a logger for.

    Attributes:
        failed: whether it has.
    """

    def __init__(self, logger: Logger) -> None:
        self.logger = logger
        self.failed = False

    @property
    def name(self) -> str | None:
        return self._try(lambda: self.logger.name)

    @property
    def version(self) -> int | str | None:
        return self._try(lambda: self.logger.version)

    @property
    def save_dir(self) -> str | None:
        return self._try(lambda: self.logger.save_dir)

    @property
    def root_dir(self) -> str | None:
        return self._try(lambda: self.logger.root_dir)

    @property
    def log_dir(self) -> str | None:
        return self._try(lambda: self.logger.log_dir)

    @property
    def experiment(self) -> Any:
        logger: Any = self.logger
        if not hasattr(type(logger), "experiment"):
            raise AttributeError("experiment")
        found = self._try(lambda: logger.experiment)
        return DummyExperiment() if self.failed else found

    def __getattr__(self, name: str) -> Any:
        if name == "logger":
            raise AttributeError(name)  # of one that is being copied
        return getattr(self.logger, name)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._try(lambda: self.logger.log_metrics(dict(metrics), step))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self._try(lambda: self.logger.log_hyperparams(params, *args, **kwargs))

    def log_graph(self, model: Any, input_array: Any = None) -> None:
        self._try(lambda: self.logger.log_graph(model, input_array))

    def save(self) -> None:
        self._try(self.logger.save)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        self._try(lambda: self.logger.after_save_checkpoint(checkpoint_callback))

    def finalize(self, status: str) -> None:
        self._try(lambda: self.logger.finalize(status))

    def _try(self, tell: Callable[[], Answer]) -> Answer | None:
        if self.failed:
            return None
        try:
            return tell()
        except Exception as error:  # whatever somebody's logger raises
            self.failed = True
            log.warning("logger: %s could not be told the training (%s).", type(self.logger).__name__, why(error))
            return None


def figures_of(result: Result) -> dict[str, float]:
    """Return a run's figures by names such as `lira/auc`."""
    figures = {
        f"{attacker.name}/{name}": measurement.value
        for attacker in result.attackers
        for name, measurement in attacker.metrics.items()
        if measurement.value is not None
    }
    if result.target.test_accuracy.value is not None:
        figures["target/test_accuracy_at_end"] = result.target.test_accuracy.value
    return figures


def tell(logger: Logger, result: Result, trainings: Mapping[str, Iterable[Row]]) -> None:
    """Tell a logger a run whose result is written; a logger that fails is a warning.

    Args:
        trainings: of `target` and `surrogate`, a row per epoch.
    """
    try:
        _tell(logger, result, trainings)
    except Exception as error:  # whatever somebody's logger raises
        log.warning("logger: %s could not be told this run (%s).", type(logger).__name__, why(error))


def _tell(logger: Logger, result: Result, trainings: Mapping[str, Iterable[Row]]) -> None:
    logger.log_hyperparams(attributes(result.run))
    last = 0
    for model, rows in trainings.items():
        for row in rows:
            last = max(last, int(row["epoch"]))
            told = {f"{model}/{name}": value for name, value in row.items() if name != "epoch"}
            logger.log_metrics(told, step=int(row["epoch"]))
    logger.log_metrics(figures_of(result), step=last)
    logger.save()
    logger.finalize("success")
