"""Pure functions: arrays in, numbers with 95 % intervals out."""

from privattack.measurement import Measurement
from privattack.metrics.calibration import calibration_error
from privattack.metrics.epsilon import (
    epsilon_gaussian,
    epsilon_many_runs,
    epsilon_of_gaussian,
    epsilon_one_run,
    epsilon_one_run_f_dp,
)
from privattack.metrics.extraction import kl_divergence, mean_kl_divergence
from privattack.metrics.intervals import (
    clopper_pearson,
    mean,
    over_repetitions,
    over_targets,
    proportion,
    stretched,
)
from privattack.metrics.low_rates import accused, tpr_at_fpr, tpr_over_targets
from privattack.metrics.membership import attack_accuracy, auc, balanced_accuracy, fit_threshold, ppv, roc

__all__ = [
    "Measurement",
    "accused",
    "attack_accuracy",
    "auc",
    "balanced_accuracy",
    "calibration_error",
    "clopper_pearson",
    "epsilon_gaussian",
    "epsilon_many_runs",
    "epsilon_of_gaussian",
    "epsilon_one_run",
    "epsilon_one_run_f_dp",
    "fit_threshold",
    "kl_divergence",
    "mean",
    "mean_kl_divergence",
    "over_repetitions",
    "over_targets",
    "ppv",
    "proportion",
    "roc",
    "stretched",
    "tpr_at_fpr",
    "tpr_over_targets",
]
