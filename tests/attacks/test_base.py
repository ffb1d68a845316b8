import math

import numpy as np
import pytest

from privattack.attacks.membership.bayes_optimal import Base


def test_the_score_is_the_ratio_to_the_mean_over_all_shadow_models(random_world):
    """Lassila et al. 2025, by loops."""
    world = random_world()
    scores = Base().score(world.target, world.auxiliary)
    for image, label in enumerate(world.labels):
        p_all = [math.exp(answers[image, label]) for answers in world.log_probabilities]
        ratio = math.exp(world.target.candidates[image, label]) / (sum(p_all) / len(p_all))
        assert scores[image] == pytest.approx(math.log(ratio))


def test_images_of_which_every_model_is_all_but_certain_do_not_tie(planted_world):
    world = planted_world(distance=1.0, candidates=200)
    sure = -world.target.candidates.min() + 60
    label = world.labels
    for answers in (world.target.candidates, *world.log_probabilities):
        answers[np.arange(200), label] = 0.0
        answers[np.arange(200), (label + 1) % 4] -= sure
    scores = Base().score(world.target, world.auxiliary)
    assert len(np.unique(scores)) == 200
