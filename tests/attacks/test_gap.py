import numpy as np

from privattack.attacks.membership.gap import Gap
from privattack.attacks.membership.shadow import Auxiliary


def test_the_score_tells_whether_the_winning_class_is_the_true_one(random_world):
    """Yeom et al. 2018, section III, by comparing classes one by one."""
    world = random_world()
    rows = zip(world.target.candidates, world.labels, strict=True)
    expected = [all(row[label] >= other for other in row) for row, label in rows]
    scores = Gap().score(world.target, world.auxiliary)
    np.testing.assert_array_equal(scores, expected)
    assert set(scores) == {0.0, 1.0}


def test_an_image_is_called_a_member_if_it_is_named_rightly_without_any_shadow_model(random_world):
    world = random_world()
    alone = Auxiliary(world.auxiliary.candidates, world.auxiliary.public, [])
    [inference] = Gap().run(world.service(), alone, seed=0)
    np.testing.assert_array_equal(inference.decisions, world.target.candidates.argmax(axis=1) == world.labels)
