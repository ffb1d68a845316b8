"""Loggers of Lightning, which are told a finished run: its settings, its trainings and its figures."""

import logging
from collections.abc import Iterable, Mapping

from lightning.pytorch.loggers import Logger

from privattack.results.naming import attributes
from privattack.results.result import Result

Row = Mapping[str, float]

log = logging.getLogger(__name__)


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
        log.warning("logger: %s could not be told this run (%s).", type(logger).__name__, error)


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
