"""Loggers of Lightning, which are told a finished run: its settings, its trainings and its figures."""

from collections.abc import Iterable, Mapping

from lightning.pytorch.loggers import Logger

from privattack.results.naming import attributes
from privattack.results.result import Result

Row = Mapping[str, float]


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
    """Tell a logger a run.

    Args:
        trainings: of `target` and `surrogate`, a row per epoch.
    """
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
