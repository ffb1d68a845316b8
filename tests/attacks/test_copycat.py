import torch

from privattack.attacks.extraction.copycat import Copycat
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from tests.attacks.extracting import extract, linear_target


def unsure_target(pixels):
    """Name a class with scores that say more than the class."""
    return (linear_target(pixels) / 20).log_softmax(dim=1)


def test_of_scores_the_published_attacker_learns_the_winner_and_nothing_else(make_images):
    pool, pixels = make_images(60), make_images(10, seed=1).pixels()
    settings = {"budgets": [40], "target": unsure_target}
    (of_scores, _), (of_labels, _) = (
        extract(Copycat(), pool, defence=defence, **settings) for defence in (NoDefence(), LabelOnly())
    )
    published = [one.surrogates.predict(pixels)[0] for one in (of_scores, of_labels)]
    adaptive = [one.surrogates.predict(pixels)[1] for one in (of_scores, of_labels)]
    torch.testing.assert_close(*published)
    assert not torch.allclose(*adaptive, atol=1e-3)
