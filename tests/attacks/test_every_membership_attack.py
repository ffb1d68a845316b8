"""What users rely on in every membership inference attack that conf/ offers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from privattack.attacks.membership.base import Candidates, Inference, MembershipAttack
from privattack.attacks.membership.shadow import Answers, Auxiliary, ShadowAttack, ShadowModel, told
from privattack.data.images import LabelledImages
from privattack.defences.base import Defence
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.metrics import auc, balanced_accuracy
from privattack.service import Service
from tests.composing import attacks, made
from tests.services import Front

CLASSES, MODELS, PUBLIC = 3, 8, 60
CHEAP = {"label_only_boundary": ["attack.queries=60"]}
Model = Callable[[Tensor], Tensor]


def smooth(n: int, *, seed: int) -> LabelledImages:
    """Return images that a small shift hardly changes, of classes that they do not show."""
    random = torch.Generator().manual_seed(seed)
    images = interpolate(torch.rand(n, 1, 7, 7, generator=random), size=(28, 28), mode="bicubic").clamp(0, 1)
    return LabelledImages((255 * images).to(torch.uint8), torch.randint(0, CLASSES, (n,), generator=random))


def recollection(memory: LabelledImages) -> Model:
    """Return a model that knows the class of each image that it remembers, and of others that of the most alike."""
    flat, labels = memory.pixels().flatten(1), memory.labels

    def answer(pixels: Tensor) -> Tensor:
        distances = torch.cdist(pixels.flatten(1), flat, compute_mode="donot_use_mm_for_euclid_dist").double()
        nearest = [distances[:, labels == one].amin(dim=1) for one in range(CLASSES)]
        return (-torch.stack(nearest, dim=1)).log_softmax(dim=1)

    return answer


@dataclass(frozen=True)
class World:
    """Models and which candidates each remembers, the target's first; what is said of them may be another thing."""

    candidates: LabelledImages
    public: LabelledImages
    membership: np.ndarray
    models: list[Model]

    @property
    def tensors(self) -> list[Tensor]:
        return [tensor for part in (self.candidates, self.public) for tensor in (part.images, part.labels)]


def make_world(*, n: int = 120, leaks: bool = True, seed: int = 0) -> World:
    """Return a world in pairs of shadow models, whose answers have nothing to do with membership unless it leaks."""
    random = np.random.default_rng(seed)
    halves = np.stack([random.permutation(np.arange(n) % 2 == 0) for _ in range(1 + MODELS // 2)])
    membership = np.concatenate([halves[:1], np.stack([halves[1:], ~halves[1:]], axis=1).reshape(MODELS, n)])
    candidates = smooth(n, seed=seed)
    kept = membership if leaks else membership[:, random.permutation(n)]
    models = [recollection(candidates.take(torch.from_numpy(np.flatnonzero(one)))) for one in kept]
    return World(candidates, smooth(PUBLIC, seed=seed + 1), membership, models)


def reordered(world: World, order: np.ndarray) -> World:
    return replace(
        world, candidates=world.candidates.take(torch.from_numpy(order)), membership=world.membership[:, order]
    )


Found = dict[str, Inference]


def infer(
    attack: MembershipAttack | ShadowAttack, world: World, *, defence: Defence | None = None, seed: int = 0
) -> tuple[Found, np.ndarray, Service]:
    """Return what each attacker says, the truth about those it was asked about, and the service."""
    defence = defence or NoDefence()
    n = len(world.candidates)
    if isinstance(attack, MembershipAttack):
        service = Service(world.models[0], defence, budget=n)
        known, unknown = torch.arange(n).chunk(2)
        told_of = Candidates(
            world.candidates.take(known), world.membership[0, : n // 2], world.candidates.take(unknown)
        )
        inferences, truth = attack.run(Front(service), told_of, seed=seed), world.membership[0, n // 2 :]
    else:
        public = world.public.take(torch.arange(min(attack.public, PUBLIC)))
        shadows = [
            shadow(model, members, world.candidates, public, defence.imitation())
            for model, members in zip(world.models[1:], world.membership[1:], strict=True)
        ]
        service = Service(world.models[0], defence, budget=attack.queries * n + len(public))
        inferences = attack.run(Front(service), Auxiliary(world.candidates, public, shadows), seed=seed)
        truth = world.membership[0]
    assert len({inference.name for inference in inferences}) == len(inferences)
    return {inference.name: inference for inference in inferences}, truth, service


def shadow(
    model: Model, members: np.ndarray, candidates: LabelledImages, public: LabelledImages, defence: Defence
) -> ShadowModel:
    def ask(pixels: Tensor) -> Tensor:
        return told(defence(model(pixels), pixels), defence.reveals)

    answers = Answers(*(ask(part.pixels()).numpy() for part in (candidates, public)))
    return ShadowModel(members, lambda: answers, ask)


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture(scope="module", params=[*attacks(MembershipAttack), *attacks(ShadowAttack)])
def option(request):
    return request.param


def make(option):
    return made("attack", f"attack={option}", *CHEAP.get(option, []))


@pytest.fixture(scope="module")
def found(option, world):
    """Return what the attack finds in the world, and the service that it asked."""
    return infer(make(option), world)


def test_members_have_higher_scores_and_are_called_members(found):
    inferences, truth, _ = found
    for inference in inferences.values():
        if inference.knowledge == "adaptive":
            assert auc(inference.scores, truth).value > 0.7
            assert balanced_accuracy(inference.decisions, truth).value > 0.65


def near_chance(measured):
    return abs(measured.value - 0.5) < 3.5 * (measured.high - measured.low) / (2 * 1.96)


def test_nothing_is_found_where_answers_have_nothing_to_do_with_membership(option):
    inferences, truth, _ = infer(make(option), make_world(leaks=False))
    for inference in inferences.values():
        assert near_chance(auc(inference.scores, truth))
        assert near_chance(balanced_accuracy(inference.decisions, truth))


def is_sound(inference, n):
    assert inference.scores.dtype == np.float64
    assert inference.scores.shape == inference.decisions.shape == (n,)
    assert np.isfinite(inference.scores).all()


@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly()], ids=lambda defence: type(defence).__name__)
def test_every_image_in_question_has_a_score_that_is_a_number(option, defence):
    inferences, truth, _ = infer(make(option), make_world(n=40), defence=defence)
    for inference in inferences.values():
        is_sound(inference, len(truth))


@pytest.mark.parametrize("alike", [True, False])
def test_scores_are_numbers_where_all_models_answer_alike_or_with_certainty(option, alike):
    world = make_world(n=40)
    certain = [lambda pixels, model=model: (1e4 * model(pixels)).log_softmax(dim=1) for model in world.models]
    models = world.models[:1] * len(world.models) if alike else certain
    inferences, truth, _ = infer(make(option), replace(world, models=models))
    for inference in inferences.values():
        is_sound(inference, len(truth))


def test_scores_are_numbers_where_images_are_in_all_shadow_models_or_in_none(option):
    world = make_world(n=40)
    membership = world.membership.copy()
    membership[1:, :3], membership[1:, 3:6] = True, False
    inferences, truth, _ = infer(make(option), replace(world, membership=membership))
    for inference in inferences.values():
        is_sound(inference, len(truth))


def test_every_image_is_asked_about_and_the_budget_is_spent_or_nearly_and_never_exceeded(option, found, world):
    _, _, service = found
    assert service.refused == 0
    assert service.unique_images >= len(world.candidates)
    # A search of the boundary ends where what is left of an image's queries is not enough for a round.
    assert service.remaining <= (0.6 * service.budget if option == "label_only_boundary" else 0)


def test_the_same_seed_gives_the_same_scores(option, found, world):
    again, _, _ = infer(make(option), world)
    for name, inference in found[0].items():
        np.testing.assert_array_equal(again[name].scores, inference.scores)
        np.testing.assert_array_equal(again[name].decisions, inference.decisions)


def test_an_image_has_its_own_score_whatever_the_order(option, found, world):
    half = len(world.candidates) // 2  # what an attacker is told of stays apart from what he is asked
    order = np.concatenate(
        [np.random.default_rng(0).permutation(half), half + np.random.default_rng(1).permutation(half)]
    )
    inferences, truth, _ = infer(make(option), reordered(world, order))
    asked = order if len(truth) == len(order) else order[half:] - half
    for name, inference in found[0].items():
        np.testing.assert_allclose(inferences[name].scores, inference.scores[asked], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [True, False])
def test_the_threshold_does_not_come_from_the_images_in_question(option, kind, world):
    """Where all of them are of one kind, most are called so: no share of members is assumed."""
    attack = make(option)
    first = len(world.candidates) // 2 if isinstance(attack, MembershipAttack) else 0
    membership = world.membership.copy()
    membership[0, first:] = kind
    remembered = world.candidates.take(torch.from_numpy(np.flatnonzero(membership[0])))
    target = recollection(remembered.join(smooth(60, seed=9)))
    inferences, _, _ = infer(attack, replace(world, membership=membership, models=[target, *world.models[1:]]))
    for inference in inferences.values():
        if inference.knowledge == "adaptive":
            assert (inference.decisions == kind).mean() > 0.6


@pytest.mark.usefixtures("found")
def test_an_attack_changes_nothing_that_it_is_given(world):
    assert all(torch.equal(*both) for both in zip(world.tensors, make_world().tensors, strict=True))
