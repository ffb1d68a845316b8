"""Loggers of Lightning, which are told a finished run: its settings, its trainings and its figures."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lightning.pytorch.loggers import Logger

from privattack.errors import why
from privattack.results.naming import attributes
from privattack.results.result import Result

Row = Mapping[str, float]

log = logging.getLogger(__name__)


class Forgiving(Logger):
    """A logger that is told a training by Lightning's Trainer while it goes on; where it fails, that is a warning.

    Args:
        logger: what is told, and has all else that callbacks ask a logger for.
    """

    def __init__(self, logger: Logger) -> None:
        self.logger = logger
        self._failed = False

    @property
    def name(self) -> str | None:
        return self.logger.name

    @property
    def version(self) -> int | str | None:
        return self.logger.version

    @property
    def save_dir(self) -> str | None:
        return self.logger.save_dir

    @property
    def root_dir(self) -> str | None:
        return self.logger.root_dir

    @property
    def log_dir(self) -> str | None:
        return self.logger.log_dir

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["logger"], name)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._try(self.logger.log_metrics, metrics, step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self._try(self.logger.log_hyperparams, params, *args, **kwargs)

    def log_graph(self, model: Any, input_array: Any = None) -> None:
        self._try(self.logger.log_graph, model, input_array)

    def save(self) -> None:
        self._try(self.logger.save)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        self._try(self.logger.after_save_checkpoint, checkpoint_callback)

    def finalize(self, status: str) -> None:
        self._try(self.logger.finalize, status)

    def _try(self, tell: Callable[..., Any], *told: Any, **more: Any) -> None:
        try:
            tell(*told, **more)
        except Exception as error:  # whatever somebody's logger raises
            if not self._failed:
                log.warning("logger: %s could not be told the training (%s).", type(self.logger).__name__, why(error))
            self._failed = True


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
