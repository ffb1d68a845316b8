import pytest
import torch

from privattack.attacks.extraction.copycat import Copycat
from privattack.data.query_pool import QueryPool
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.models.networks import MLP
from privattack.models.surrogate import SurrogateTrainer
from privattack.service import Service

SEEDS = [3, 4]


def linear_target(pixels):
    """Name the class whose two rows are brightest."""
    return (40 * pixels[:, 0, 4:24].unflatten(1, (10, 2)).mean(dim=(2, 3))).log_softmax(dim=1)


def unsure_target(pixels):
    """Name the same class, with scores that say more than the class."""
    return (linear_target(pixels) / 20).log_softmax(dim=1)


def extract(pool, defence, *, budgets, target=linear_target, epochs=15, seeds=SEEDS):
    surrogates = SurrogateTrainer(network=MLP, epochs=epochs, lr=1e-3, batch_size=32)
    services = [Service(target, defence, budget=budgets[-1]) for _ in seeds]
    return Copycat().run(services, QueryPool(pool, 10), surrogates, budgets=budgets, seeds=seeds), services


@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly()], ids=lambda defence: type(defence).__name__)
def test_the_published_attacker_copies_a_target_that_answers_scores_or_labels(defence, make_images):
    extraction, services = extract(make_images(400), defence, budgets=[300])
    pixels = make_images(300, seed=1).pixels()
    agrees = extraction.surrogates.predict(pixels)[0].argmax(dim=2) == linear_target(pixels).argmax(dim=1)
    assert extraction.attackers[0][0] == "published"
    assert agrees.double().mean() > 0.9
    assert [service.unique_images for service in services] == [300, 300]


def test_of_scores_the_published_attacker_learns_the_winner_and_nothing_else(make_images):
    pool, pixels = make_images(60), make_images(10, seed=1).pixels()
    settings = {"budgets": [40], "target": unsure_target, "epochs": 2}
    (of_scores, _), (of_labels, _) = (extract(pool, defence, **settings) for defence in (NoDefence(), LabelOnly()))
    published = [one.surrogates.predict(pixels)[0] for one in (of_scores, of_labels)]
    adaptive = [one.surrogates.predict(pixels)[1] for one in (of_scores, of_labels)]
    torch.testing.assert_close(*published)
    assert not torch.allclose(*adaptive, atol=1e-3)


def test_queries_of_a_small_budget_are_the_first_of_a_larger_one_and_differ_over_repetitions(make_images):
    (large, _), (small, _) = (extract(make_images(60), NoDefence(), budgets=[n], epochs=1) for n in (50, 20))
    for more, fewer in zip(large.asked, small.asked, strict=True):
        assert torch.equal(more.places[:20], fewer.places)
    assert not torch.equal(large.asked[0].places, large.asked[1].places)
