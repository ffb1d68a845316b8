from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F

from privattack.attacks.extraction.mea import ModelExtraction
from privattack.data.query_pool import QueryPool
from privattack.defences.flatten import Flatten
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.models.surrogate import cross_entropy, kl_divergence, squared_error
from privattack.service import BudgetExceeded, Service
from tests.attacks.extracting import Recorder, extract, fidelity, linear_target, trainer


def test_attackers_of_the_service_learn_its_mistakes_and_the_one_without_queries_does_not(make_images):
    def mistaken(pixels):
        return linear_target(pixels).roll(1, dims=1)

    settings = {"target": mistaken, "defence": LabelOnly(), "surrogates": trainer(epochs=8)}
    extraction, _ = extract(ModelExtraction(), make_images(400), budgets=[300], **settings)
    pixels = make_images(300, seed=1).pixels()
    to_target, to_truth = fidelity(extraction, pixels, mistaken), fidelity(extraction, pixels)
    assert to_target["adaptive"] > 0.9
    assert to_truth["no_query"] > 0.9
    assert to_target["no_query"] < 0.1


@pytest.mark.parametrize(
    ("defence", "adaptive"), [(NoDefence(), kl_divergence), (LabelOnly(), cross_entropy), (Flatten(), cross_entropy)]
)
def test_the_adaptive_loss_fits_what_the_service_reveals_the_published_never_changes(defence, adaptive, make_images):
    recorded = trainer(Recorder)
    extract(ModelExtraction(), make_images(60), budgets=[20], defence=defence, surrogates=recorded)
    losses = {lesson.name: lesson.loss for lesson in recorded.lessons}
    assert losses == {"published": squared_error, "adaptive": adaptive, "no_query": cross_entropy}


def test_all_that_is_learnt_is_what_the_service_answered_or_ones_own_labels(make_images):
    pool, recorded = make_images(60), trainer(Recorder)
    extraction, _ = extract(ModelExtraction(), pool, budgets=[20], surrogates=recorded)
    places = torch.stack([one.places for one in extraction.asked])
    asked = pool.pixels()[places]
    answered = torch.stack([linear_target(images) for images in asked])
    assert torch.equal(recorded.pixels[recorded.queries], asked)
    published, adaptive, own = (lesson.answers for lesson in recorded.lessons)
    assert torch.equal(published, answered)
    assert torch.equal(adaptive, answered)
    assert torch.equal(own.exp(), F.one_hot(pool.labels[places], 10).to(own.dtype))


def test_a_service_that_has_been_asked_before_refuses(make_images):
    pool = make_images(60)
    service = Service(linear_target, NoDefence(), budget=20)
    service.query(pool.pixels()[:1])
    with pytest.raises(BudgetExceeded):
        ModelExtraction().run([service], QueryPool(pool, 10), trainer(), budgets=[20], seeds=[0])
    assert service.images == 1


@pytest.mark.parametrize(("budget", "fits"), [(1, True), (60, True), (61, False)])
def test_a_budget_above_the_pool_is_refused(budget, fits, make_images):
    attack = ModelExtraction()
    with nullcontext() if fits else pytest.raises(UserError, match=r"^budget=61: the query pool has 60 images"):
        attack.check(QueryPool(make_images(60), 10), budget=budget)
