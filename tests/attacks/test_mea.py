from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from privattack.attacks.extraction.base import EVERY
from privattack.attacks.extraction.mea import ModelExtraction
from privattack.attacks.knowledge import Knowledge
from privattack.data.images import LabelledImages
from privattack.data.query_pool import QueryPool
from privattack.defences.flatten import Flatten
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.models.networks import MLP
from privattack.models.surrogate import SurrogateTrainer, cross_entropy, kl_divergence, squared_error
from privattack.service import BudgetExceeded, Service

SEEDS = [3, 4]


def linear_target(pixels):
    """Name the class whose two rows are brightest: linearly separable, and unsure of nothing."""
    return (40 * pixels[:, 0, 4:24].unflatten(1, (10, 2)).mean(dim=(2, 3))).log_softmax(dim=1)


class Recorder(SurrogateTrainer):
    """Trains as any and remembers what it was given."""

    def train(self, pixels, queries, lessons, *, seeds):
        self.pixels, self.queries, self.lessons, self.seeds = pixels, queries, lessons, seeds
        return super().train(pixels, queries, lessons, seeds=seeds)


def run(pool, *, defence=None, budget=300, target=linear_target, seeds=SEEDS, attackers=EVERY, epochs=15, network=MLP):
    surrogates = Recorder(network=network, epochs=epochs, lr=1e-3, batch_size=32)
    attack = ModelExtraction(attackers=attackers)
    services = [Service(target, defence or NoDefence(), budget=budget) for _ in seeds]
    extraction = attack.run(services, QueryPool(pool, 10), surrogates, budgets=[budget], seeds=seeds)
    return extraction, services, surrogates


def fidelity(extraction, pixels, target=linear_target):
    agrees = extraction.surrogates.predict(pixels).argmax(dim=3) == target(pixels).argmax(dim=1)
    return dict(zip((name for name, _ in extraction.attackers), agrees.double().mean(dim=(1, 2)).tolist(), strict=True))


@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly(), Flatten()], ids=lambda defence: type(defence).__name__)
def test_the_adaptive_attacker_copies_a_target_whatever_the_defence(defence, make_images):
    extraction, _, _ = run(make_images(400), defence=defence)
    assert fidelity(extraction, make_images(300, seed=1).pixels())["adaptive"] > 0.9


def test_the_published_attacker_copies_an_open_service(make_images):
    extraction, _, _ = run(make_images(400), epochs=30, attackers=["published"])
    assert fidelity(extraction, make_images(300, seed=1).pixels())["published"] > 0.8


def test_attackers_of_the_service_learn_its_mistakes_and_the_one_without_queries_does_not(make_images):
    def mistaken(pixels):
        return linear_target(pixels).roll(1, dims=1)

    extraction, _, _ = run(make_images(400), target=mistaken, defence=LabelOnly())
    pixels = make_images(300, seed=1).pixels()
    to_target, to_truth = fidelity(extraction, pixels, mistaken), fidelity(extraction, pixels)
    assert to_target["adaptive"] > 0.9
    assert to_truth["no_query"] > 0.9
    assert to_target["no_query"] < 0.1


def test_each_attacker_is_named_with_what_it_knows(make_images):
    extraction, _, _ = run(make_images(60), budget=20, epochs=1)
    assert extraction.attackers == [
        ("published", Knowledge.PUBLISHED), ("adaptive", Knowledge.ADAPTIVE), ("no_query", Knowledge.NO_QUERY),
    ]  # fmt: skip
    assert extraction.surrogates.predict(make_images(7).pixels()).shape == (3, 2, 7, 10)


def test_only_the_attackers_asked_for_learn_in_the_order_asked_for(make_images):
    extraction, _, recorded = run(make_images(60), budget=20, epochs=1, attackers=["no_query", "published"])
    assert [name for name, _ in extraction.attackers] == ["no_query", "published"]
    assert [lesson.name for lesson in recorded.lessons] == ["no_query", "published"]


@pytest.mark.parametrize(
    ("defence", "adaptive"), [(NoDefence(), kl_divergence), (LabelOnly(), cross_entropy), (Flatten(), cross_entropy)]
)
def test_the_adaptive_loss_fits_what_the_service_reveals_the_published_never_changes(defence, adaptive, make_images):
    _, _, recorded = run(make_images(60), defence=defence, budget=20, epochs=1)
    losses = {lesson.name: lesson.loss for lesson in recorded.lessons}
    assert losses == {"published": squared_error, "adaptive": adaptive, "no_query": cross_entropy}


def test_all_that_is_learnt_is_what_the_service_answered_or_ones_own_labels(make_images):
    pool = make_images(60)
    extraction, _, recorded = run(pool, budget=20, epochs=1)
    places = torch.stack([one.places for one in extraction.asked])
    asked = pool.pixels()[places]
    answered = torch.stack([linear_target(images) for images in asked])
    assert torch.equal(recorded.pixels[recorded.queries], asked)
    published, adaptive, own = (lesson.answers for lesson in recorded.lessons)
    assert torch.equal(published, answered)
    assert torch.equal(adaptive, answered)
    assert torch.equal(own.exp(), F.one_hot(pool.labels[places], 10).to(own.dtype))


@pytest.mark.parametrize("budget", [1, 33, 60])
def test_the_whole_budget_is_spent_once_and_on_different_images(budget, make_images):
    _, services, _ = run(make_images(60), budget=budget, epochs=1)
    for service in services:
        assert (service.images, service.unique_images, service.refused) == (budget, budget, 0)


def test_queries_of_a_small_budget_are_the_first_of_a_larger_one(make_images):
    pool = LabelledImages(torch.zeros(5_000, 28, 28, dtype=torch.uint8), torch.zeros(5_000, dtype=torch.int64))
    asked = []
    for budget in (1_000, 3_000):
        extraction, _, _ = run(pool, budget=budget, epochs=1, attackers=["published"], network=tiny)
        asked.append(torch.stack([one.places for one in extraction.asked]))
    assert torch.equal(asked[0], asked[1][:, :1_000])
    assert not torch.equal(asked[0][0], asked[0][1])


def tiny(*, classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))


def test_surrogates_of_a_budget_do_not_depend_on_a_run_with_another_before(make_images):
    pool, pixels = make_images(60), make_images(10, seed=1).pixels()
    surrogates = SurrogateTrainer(network=MLP, epochs=2, lr=1e-3, batch_size=8)
    attack = ModelExtraction()

    def attacked(budget):
        services = [Service(linear_target, NoDefence(), budget=budget) for _ in SEEDS]
        return attack.run(services, QueryPool(pool, 10), surrogates, budgets=[budget], seeds=SEEDS).surrogates.predict(
            pixels
        )

    first = attacked(30)
    attacked(50)
    assert torch.equal(attacked(30), first)


def test_a_repetition_is_the_same_whichever_others_run(make_images):
    pool, pixels = make_images(60), make_images(10, seed=1).pixels()
    both = run(pool, budget=30, epochs=2)[0].surrogates.predict(pixels)
    one = run(pool, budget=30, epochs=2, seeds=SEEDS[1:])[0].surrogates.predict(pixels)
    torch.testing.assert_close(one[:, 0], both[:, 1], rtol=1e-4, atol=1e-4)


def test_a_service_that_has_been_asked_before_refuses(make_images):
    pool = make_images(60)
    service = Service(linear_target, NoDefence(), budget=20)
    service.query(pool.pixels()[:1])
    surrogates = SurrogateTrainer(network=tiny, epochs=1, lr=1e-3, batch_size=8)
    attack = ModelExtraction()
    with pytest.raises(BudgetExceeded):
        attack.run([service], QueryPool(pool, 10), surrogates, budgets=[20], seeds=[0])
    assert service.images == 1


@pytest.mark.parametrize("attackers", [["omniscient"], ["published", "blind"], [], "published"], ids=str)
def test_attackers_that_there_are_not_are_refused_with_those_there_are(attackers):
    with pytest.raises(UserError, match=r"^attackers=.* of published, adaptive, no_query\."):
        ModelExtraction(attackers=attackers)


def test_a_curve_is_what_runs_of_each_budget_would_find(make_images):
    pool, pixels = make_images(60), make_images(10, seed=1).pixels()
    surrogates = SurrogateTrainer(network=MLP, epochs=2, lr=1e-3, batch_size=8)
    attack = ModelExtraction()

    def curve(*budgets):
        services = [Service(linear_target, NoDefence(), budget=budgets[-1]) for _ in SEEDS]
        return attack.run(services, QueryPool(pool, 10), surrogates, budgets=budgets, seeds=SEEDS).curve

    together = curve(10, 25, 60)
    assert [budget for budget, _ in together] == [10, 25, 60]
    for budget, found in together:
        [(_, alone)] = curve(budget)
        assert torch.equal(found.predict(pixels), alone.predict(pixels))


def test_without_labels_of_its_own_nobody_learns_without_a_query(make_images):
    services = [Service(linear_target, NoDefence(), budget=20) for _ in SEEDS]
    surrogates = SurrogateTrainer(network=tiny, epochs=1, lr=1e-3, batch_size=8)
    attack = ModelExtraction()
    pool = QueryPool(make_images(60), 10, has_labels=False)
    extraction = attack.run(services, pool, surrogates, budgets=[20], seeds=SEEDS)
    assert [name for name, _ in extraction.attackers] == ["published", "adaptive"]


@pytest.mark.parametrize(("budget", "fits"), [(1, True), (60, True), (61, False)])
def test_a_budget_above_the_pool_is_refused(budget, fits, make_images):
    attack = ModelExtraction()
    with nullcontext() if fits else pytest.raises(UserError, match=r"^budget=61: the query pool has 60 images"):
        attack.check(QueryPool(make_images(60), 10), budget=budget)
