import dataclasses

import numpy as np

from privattack.attacks.membership.loss import Loss


def test_the_score_is_the_logarithm_of_the_true_classs_probability(random_world):
    """Yeom et al. 2018, section III: the negative loss."""
    world = random_world()
    expected = [row[label] for row, label in zip(world.target.candidates, world.labels, strict=True)]
    np.testing.assert_allclose(Loss().score(world.target, world.auxiliary), expected, rtol=1e-12)


def test_the_threshold_is_the_best_one_for_a_shadow_model_not_for_the_target(random_world):
    world = random_world(models=2)
    one_model = dataclasses.replace(world.auxiliary, shadows=world.auxiliary.shadows[1:])
    [inference] = Loss().run(world.service(), one_model, seed=0)
    rehearsed = Loss().score(one_model.shadows[0].answers(), one_model)
    members = one_model.shadows[0].membership

    def balanced_accuracy(threshold):
        return ((rehearsed >= threshold)[members].mean() + (rehearsed < threshold)[~members].mean()) / 2

    best = max(rehearsed, key=lambda threshold: (balanced_accuracy(threshold), threshold))
    np.testing.assert_array_equal(inference.decisions, inference.scores >= best)
    assert 0 < inference.decisions.sum() < len(inference.decisions)
    assert inference.name == "loss"
