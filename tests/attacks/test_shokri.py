import dataclasses

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from privattack.attacks.membership.shadow import Auxiliary
from privattack.attacks.membership.shokri import Shokri
from privattack.errors import UserError


def test_the_score_is_the_log_odds_of_a_classifier_of_the_images_class(random_world):
    """Shokri et al. 2017, section V: rows gathered one by one from the first shadow models."""
    world = random_world(candidates=80, classes=3)
    scores = Shokri(shadow_models=4).score(world.target, world.auxiliary)
    for label in range(3):
        rows, members = [], []
        for model in range(4):
            for image in np.flatnonzero(world.labels == label):
                rows.append(np.exp(world.log_probabilities[model, image]))
                members.append(world.auxiliary.shadows[model].membership[image])
        classifier = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8, random_state=0).fit(rows, members)
        inside = classifier.predict_proba(np.exp(world.target.candidates[world.labels == label]))[:, 1]
        np.testing.assert_allclose(scores[world.labels == label], np.log(inside / (1 - inside)), rtol=1e-9)


def test_a_class_of_one_kind_scores_the_log_odds_of_all(random_world):
    world = random_world()
    lonely = world.labels == 0
    shadows = [
        dataclasses.replace(shadow, membership=shadow.membership & ~lonely) for shadow in world.auxiliary.shadows[:2]
    ]
    scores = Shokri().score(world.target, Auxiliary(world.auxiliary.candidates, world.auxiliary.public, shadows))
    members = sum(int(shadow.membership.sum()) for shadow in shadows)
    np.testing.assert_allclose(scores[lonely], np.log((members + 0.5) / (2 * len(lonely) - members + 0.5)))
    assert np.isfinite(scores).all()


def test_no_shadow_models_are_refused():
    with pytest.raises(UserError, match=r"^shadow_models=0: needs a whole number from 1 up\."):
        Shokri(shadow_models=0)
