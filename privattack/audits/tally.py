"""Figures of several repetitions, with what each image adds to them, until they are averaged."""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int64

from privattack import metrics
from privattack.metrics import Measurement, by_image
from privattack.metrics.by_image import ByImage, Influence

FALSE_POSITIVE_RATES = (0.1, 0.01, 0.001)
PRIORS = (0.01, 0.1, 0.5)
UNBOUNDED = ("kl", "training_loss", "l1")
# The figures that attackers, defences and budgets are compared by, image by image.
COMPARED = ("fidelity", "accuracy", "auc", "tpr_at_fpr_0.01")
CROSS_FITTED = math.sqrt(2)


class Places:
    """Where each repetition's images stand among those of all.

    Args:
        images: their names, by repetition.
    """

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        everyone, places = np.unique(np.concatenate(images), return_inverse=True)
        self.by_repetition = np.split(places, np.cumsum([len(one) for one in images])[:-1])
        self.count = len(everyone)
        self.name = hashlib.blake2b("".join(everyone).encode(), digest_size=8).hexdigest()


class Tally:
    """Takes a figure of each repetition, with each image's influence on it.

    Args:
        places: of the images that were judged.
        targets: whether the repetitions are models attacked in turn.
        cross_fitted: whether two halves were judged by what was learnt from each other. Their errors hang together: an
            interval is sqrt(2) times as wide. Over several targets their spread holds it.
    """

    def __init__(self, places: Places, *, targets: bool = False, cross_fitted: bool = False) -> None:
        self.places = places
        self.targets = targets
        self.stretch = CROSS_FITTED if cross_fitted and not targets else 1.0
        self.means: dict[str, Measurement] = {}  # where a mean is not that of the repetitions' figures
        self._figures: dict[str, list[Measurement]] = {}
        self._influences: dict[str, list[Influence]] = {}

    def add(self, name: str, figure: Measurement, influence: Influence | None = None) -> None:
        """Take the next repetition's figure; without influences the interval of the mean is on the safe side."""
        wide = figure if self.stretch == 1.0 else metrics.stretched(figure, self.stretch)
        self._figures.setdefault(name, []).append(wide)
        if influence is not None:
            self._influences.setdefault(name, []).append(influence)

    def add_share(self, name: str, hits: Bool[np.ndarray, " n"], judged: Bool[np.ndarray, " n"] | None = None) -> None:
        """Take the next repetition's share of hits among the images that were judged: all by default."""
        counted = hits if judged is None else hits[judged]
        self.add(name, metrics.proportion(counted), by_image.of_share(hits, judged))

    def figures(self) -> dict[str, Measurement]:
        """Return the means over repetitions."""
        means = {
            name: metrics.over_repetitions(each, shared=self._shared(name), bounded=name not in UNBOUNDED)
            for name, each in self._figures.items()
        }
        return means | self.means

    def compared(self) -> dict[str, ByImage]:
        """Return the figures that attackers are compared by, image by image."""
        return {
            name: ByImage(
                n=min(one.n for one in self._figures[name]),
                images=self.places.name,
                values=np.array([one.known.value for one in self._figures[name]]),
                influence=self.stretch * self._table(name),
                across_targets=self.targets,
            )
            for name in COMPARED
            if self._is_known(name)
        }

    def _shared(self, name: str) -> float:
        if self.targets:
            return 0.0
        return by_image.shared(self._table(name)) if self._is_known(name) else 1.0

    def _is_known(self, name: str) -> bool:
        """Say whether there are influences of every repetition."""
        return name in self._influences and len(self._influences[name]) == len(self.places.by_repetition)

    def _table(self, name: str) -> Float[np.ndarray, "repetitions images"]:
        table = np.zeros((len(self.places.by_repetition), self.places.count))
        for row, places, influence in zip(table, self.places.by_repetition, self._influences[name], strict=True):
            np.add.at(row, places, influence)
        return table


def tally_extraction(
    places: Places,
    named: Sequence[Int64[np.ndarray, " n"]],
    named_by_target: Int64[np.ndarray, " n"],
    labels: Int64[np.ndarray, " n"],
    queried: Sequence[Bool[np.ndarray, " n"]],
    kl: Sequence[Float[np.ndarray, " n"]] | None,
) -> Tally:
    """Return how surrogates, one per repetition, agree with their target.

    Args:
        places: of the images.
        named: the classes that each surrogate names; `named_by_target`, those of the target; `labels`, the true ones.
        queried: which images each attacker asked about.
        kl: each image's divergence from the target's answer; None where the victim tells no probabilities.
    """
    tally, right = Tally(places), named_by_target == labels
    for number, (answer, seen) in enumerate(zip(named, queried, strict=True)):
        agrees, correct = answer == named_by_target, answer == labels
        tally.add_share("fidelity", agrees)
        tally.add_share("fidelity_unqueried", agrees, ~seen)
        tally.add_share("accuracy", correct)
        tally.add_share("accuracy_unqueried", correct, ~seen)
        tally.add_share("fidelity_target_right", agrees, right)
        tally.add_share("fidelity_target_wrong", agrees, ~right)
        if kl is None:
            tally.add("kl", Measurement.missing(len(labels), "the victim tells no probabilities"))
        else:
            mean = metrics.mean_kl_divergence(kl[number])
            tally.add("kl", mean, (kl[number] - mean.known.value) / len(labels) if mean.given else None)
    return tally


def tally_membership(
    scores: Sequence[Float[np.ndarray, " _"]],
    decisions: Sequence[Bool[np.ndarray, " _"]],
    memberships: Sequence[Bool[np.ndarray, " _"]],
    places: Places,
    *,
    targets: bool = False,
    cross_fitted: bool = False,
) -> Tally:
    """Return how an attacker's scores and decisions, by repetition, tell members; see `Tally`."""
    tally = Tally(places, targets=targets, cross_fitted=cross_fitted)
    for score, decided, membership in zip(scores, decisions, memberships, strict=True):
        tally.add_share("accuracy", decided == membership)
        balanced = by_image.of_balanced_accuracy(decided, membership)
        tally.add("balanced_accuracy", metrics.balanced_accuracy(decided, membership), balanced)
        tally.add("auc", metrics.auc(score, membership), by_image.of_auc(score, membership))
        for prior in PRIORS:
            tally.add(f"ppv_at_prior_{prior:g}", metrics.ppv(decided, membership, prior))
        for rate in FALSE_POSITIVE_RATES:
            found = metrics.tpr_at_fpr(score, membership, rate)
            tally.add(f"tpr_at_fpr_{rate:g}", found, by_image.of_tpr(score, membership, rate) if found.given else None)
    if targets:
        for rate in FALSE_POSITIVE_RATES:
            tally.means[f"tpr_at_fpr_{rate:g}"] = metrics.tpr_over_targets(scores, memberships, rate)
    return tally
