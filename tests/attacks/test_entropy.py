import dataclasses
import math

import numpy as np
import pytest

from privattack.attacks.membership.entropy import Entropy
from privattack.attacks.membership.shadow import Auxiliary
from privattack.errors import UserError


def by_hand(signal, log_probabilities, label):
    """Return the signal, all of which are below 0, on the scale -log(-signal)."""
    p = [math.exp(value) for value in log_probabilities]
    others = sum(share * math.log(1 - share) for place, share in enumerate(p) if place != label)
    signals = {
        "confidence": math.log(p[label]),
        "entropy": sum(share * math.log(share) for share in p),
        "modified_entropy": (1 - p[label]) * math.log(p[label]) + others,
    }
    return -math.log(-signals[signal])


def best_threshold(values, members):
    """Return the threshold with the best balanced accuracy, the highest of equally good ones, by trying all."""

    def advantage(threshold):
        accused = [value >= threshold for value in values]
        right = sum(a and m for a, m in zip(accused, members, strict=True)) * (len(members) - sum(members))
        wrong = sum(a and not m for a, m in zip(accused, members, strict=True)) * sum(members)
        return right - wrong

    return max(values, key=lambda threshold: (advantage(threshold), threshold))


@pytest.mark.parametrize("signal", ["confidence", "entropy", "modified_entropy"])
def test_the_score_is_the_signals_distance_from_the_best_threshold_of_the_images_class(signal, random_world):
    """Song & Mittal 2021, section III.B, equations 5 to 8, by loops; distances on a logarithmic scale."""
    world = random_world()
    expected = []
    for image, label in enumerate(world.labels):
        values, members = [], []
        for model, shadow in enumerate(world.auxiliary.shadows):
            for other in np.flatnonzero(world.labels == label):
                values.append(by_hand(signal, world.log_probabilities[model, other], label))
                members.append(bool(shadow.membership[other]))
        score = by_hand(signal, world.target.candidates[image], label)
        expected.append(score - best_threshold(values, members))
    np.testing.assert_allclose(
        Entropy(signal=signal).score(world.target, world.auxiliary), expected, rtol=1e-9, atol=1e-12
    )


def test_a_class_without_members_takes_the_threshold_of_all_classes(random_world):
    world = random_world()
    lonely = world.labels == 0
    shadows = [
        dataclasses.replace(shadow, membership=shadow.membership & ~lonely, _signals={})
        for shadow in world.auxiliary.shadows
    ]
    auxiliary = Auxiliary(world.auxiliary.candidates, world.auxiliary.public, shadows)
    values = [
        by_hand("confidence", row, label)
        for rows in world.log_probabilities
        for row, label in zip(rows, world.labels, strict=True)
    ]
    threshold = best_threshold(values, auxiliary.membership.ravel().tolist())
    expected = [by_hand("confidence", row, 0) - threshold for row in world.target.candidates[lonely]]
    np.testing.assert_allclose(
        Entropy(signal="confidence").score(world.target, auxiliary)[lonely], expected, rtol=1e-12
    )


@pytest.mark.parametrize("signal", ["confidence", "entropy", "modified_entropy"])
def test_answers_that_are_all_but_certain_keep_different_scores(signal, random_world):
    world = random_world()
    depths = -np.arange(20.0, 20.0 + len(world.labels))  # e^-20 and much less is left for the other classes
    answers = np.tile(depths[:, None], world.target.candidates.shape[1])
    answers[np.arange(len(depths)), world.labels] = np.log1p(-(answers.shape[1] - 1) * np.exp(depths))
    observed = dataclasses.replace(world.target, candidates=answers)
    same_class = world.labels == world.labels[0]
    scores = Entropy(signal=signal).score(observed, world.auxiliary)[same_class]
    assert (np.diff(scores) > 0).all()


def test_a_signal_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(UserError, match=r"^signal=loss: needs one of confidence, entropy, modified_entropy\."):
        Entropy(signal="loss")
