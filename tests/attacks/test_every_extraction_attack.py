"""What users rely on in every model extraction attack that conf/ offers."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from privattack.attacks.extraction.base import Extraction, ExtractionAttack
from privattack.attacks.knowledge import Knowledge
from privattack.data.query_pool import QueryPool
from privattack.defences.base import Defence
from privattack.defences.flatten import Flatten
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.service import Service
from tests.attacks.extracting import SEEDS, fidelity, linear_target, trainer
from tests.composing import attacks, made
from tests.services import Front

BUDGET = 110  # several rounds of every attack, the last of them cut short
SMALL = 50
QUICK = {
    "activethief": ["attack.start=30"],
    "jbda": ["attack.start=30"],
    "jbda_tr": ["attack.start=30"],
    "knockoff_adaptive": ["attack.round=20"],
    "datafree": ["attack.batch=10"],
    "semisupervised": ["attack.steps=3"],
}
# Options, and settings that make another attack of one.
VARIANTS = [
    *((option, ()) for option in attacks(ExtractionAttack)),
    *(("activethief", (f"attack.strategy={strategy}",)) for strategy in ("uncertainty", "k_center")),
]


@dataclass
class LinearTarget:
    """Names the class whose two rows are brightest; keeps what it was asked, and its answers with a copy of each."""

    asked: list[Tensor] = field(default_factory=list)
    answered: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def __call__(self, pixels: Tensor) -> Tensor:
        answer = linear_target(pixels)
        self.asked.append(pixels.clone())
        self.answered.append((answer, answer.clone()))
        return answer


@dataclass(frozen=True)
class Run:
    extraction: Extraction
    services: list[Service]
    targets: list[LinearTarget]


def extract(
    attack: ExtractionAttack,
    pool: QueryPool,
    *budgets: int,
    seeds: list[int] = SEEDS,
    defence: Defence | None = None,
    epochs: int = 1,
) -> Run:
    targets = [LinearTarget() for _ in seeds]
    services = [Service(target, defence or NoDefence(), budget=budgets[-1]) for target in targets]
    fronts = [Front(service) for service in services]
    return Run(attack.run(fronts, pool, trainer(epochs=epochs), budgets=budgets, seeds=seeds), services, targets)


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda variant: "-".join([variant[0], *variant[1]]))
def make(request):
    """Return a function that makes the attack, with more settings if one likes."""
    option, settings = request.param
    return lambda *more: made("attack", f"attack={option}", *QUICK.get(option, []), *settings, *more)


@pytest.fixture(scope="module")
def pool(make_images):
    return QueryPool(make_images(200), 10)


@pytest.fixture(scope="module")
def pixels(make_images):
    return make_images(100, seed=1).pixels()


@pytest.fixture(scope="module")
def run(make, pool):
    return extract(make(), pool, BUDGET)


@pytest.fixture(scope="module")
def small_run(make, pool):
    return extract(make(), pool, SMALL)


def test_the_budget_is_spent_and_never_exceeded(run):
    for service, target, asked in zip(run.services, run.targets, run.extraction.asked, strict=True):
        assert torch.equal(torch.cat(target.asked), asked.images)
        assert len(asked.images) == service.images == BUDGET
        assert (service.refused, service.remaining) == (0, 0)


def test_what_is_learnt_is_what_was_answered_and_answers_are_not_changed(run):
    for target, asked in zip(run.targets, run.extraction.asked, strict=True):
        assert torch.equal(torch.cat([kept for _, kept in target.answered]), asked.responses)
        assert all(torch.equal(*both) for both in target.answered)


def test_the_pool_stays_as_it_is_and_its_images_are_named_by_their_places(run, pool, make_images):
    untouched = make_images(200)
    assert torch.equal(pool.images.images, untouched.images)
    assert torch.equal(pool.images.labels, untouched.labels)
    for asked in run.extraction.asked:
        owned = asked.places >= 0
        assert torch.equal(asked.images[owned], pool.images.take(asked.places[owned]).pixels())


def test_queries_of_a_small_budget_are_the_first_of_a_larger_one_and_differ_over_repetitions(run, small_run):
    for more, fewer in zip(run.extraction.asked, small_run.extraction.asked, strict=True):
        assert torch.equal(more.images[:SMALL], fewer.images)
    first, second = run.extraction.asked
    assert not torch.equal(first.images, second.images)


def test_a_repetition_is_the_same_whichever_others_run(make, pool, run, pixels):
    """Up to rounding, which may swap images that are nearly alike, or turn the sign of a pixel's gradient."""
    alone = extract(make(), pool, BUDGET, seeds=SEEDS[1:]).extraction
    together, one = run.extraction.asked[1], alone.asked[0]
    assert ((one.images - together.images).abs() > 1e-3).double().mean() < 0.1
    both, single = (found.surrogates.predict(pixels)[:, -1].argmax(dim=2) for found in (run.extraction, alone))
    assert (both == single).double().mean() > 0.9


def test_the_same_seeds_give_the_same_outcome_whatever_ran_before(make, pool, run, pixels):
    attack = make()
    extract(attack, pool, 40, seeds=[8])
    again = extract(attack, pool, BUDGET).extraction
    for one, other in zip(again.asked, run.extraction.asked, strict=True):
        assert torch.equal(one.images, other.images)
    assert torch.equal(again.surrogates.predict(pixels), run.extraction.surrogates.predict(pixels))


def test_a_curve_is_what_runs_of_each_budget_would_find(make, pool, run, small_run, pixels):
    curve = extract(make(), pool, SMALL, BUDGET).extraction.curve
    assert [budget for budget, _ in curve] == [SMALL, BUDGET]
    for (_, surrogates), alone in zip(curve, (small_run, run), strict=True):
        assert torch.equal(surrogates.predict(pixels), alone.extraction.surrogates.predict(pixels))


@pytest.mark.parametrize("defence", [NoDefence(), Flatten()], ids=lambda defence: type(defence).__name__)
def test_the_adaptive_attacker_copies_a_linear_target_and_the_published_one_an_open_one(
    make, defence, make_images, pixels
):
    extraction = extract(make(), QueryPool(make_images(300), 10), 200, defence=defence, epochs=8).extraction
    found = fidelity(extraction, pixels)
    assert found["adaptive"] > 0.8
    assert found["published"] > 0.8 or not isinstance(defence, NoDefence)


def test_published_and_adaptive_attackers_are_offered_and_one_without_queries_where_images_have_labels(make, run):
    attackers = make().attackers
    assert run.extraction.attackers == [(one.value, one) for one in attackers]
    assert {Knowledge.PUBLISHED, Knowledge.ADAPTIVE} <= set(attackers)
    owned = run.extraction.asked[0].own_labels >= 0
    assert owned.any() == (Knowledge.NO_QUERY in attackers)


def test_only_the_attackers_asked_for_learn_in_the_order_asked_for(make, pool):
    found = extract(make("attack.attackers=[adaptive,published]"), pool, 40).extraction
    assert [name for name, _ in found.attackers] == ["adaptive", "published"]
    assert found.surrogates.predict(pool.images.pixels()[:7]).shape == (2, 2, 7, 10)


@pytest.mark.parametrize("attackers", ["[omniscient]", "[published,blind]", "[]", "published"])
def test_attackers_that_there_are_not_are_refused_with_those_there_are(make, attackers):
    offered = ", ".join(make().attackers)
    with pytest.raises(UserError, match=rf"^attack\.attackers=.*: needs a list of one or more of {offered}\.$"):
        make(f"attack.attackers={attackers}")


def test_without_labels_of_the_targets_classes_nobody_learns_without_a_query(make, pool):
    found = extract(make(), QueryPool(pool.images, 10, has_labels=False), 40).extraction
    assert [name for name, _ in found.attackers] == ["published", "adaptive"]
