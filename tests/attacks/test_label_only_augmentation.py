import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from privattack.attacks.membership.label_only_augmentation import LabelOnlyAugmentation
from privattack.attacks.membership.shadow import Answers, Auxiliary, ShadowModel
from privattack.data.images import LabelledImages
from privattack.defences.flatten import Flatten
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.metrics import auc
from privattack.service import Service

N, CLASSES, MODELS = 120, 5, 6


def nearest(candidates: LabelledImages, membership: np.ndarray):
    """Return a model that knows each image as it stands, and else names the class of the nearest of its members."""
    flat = candidates.pixels().flatten(1)

    def answer(pixels):
        distances = torch.cdist(pixels.flatten(1), flat, compute_mode="donot_use_mm_for_euclid_dist")
        others = torch.from_numpy(~membership)
        distances[:, others] += (distances[:, others] > 1e-6) * 100
        return torch.nn.functional.one_hot(candidates.labels[distances.argmin(dim=1)], CLASSES).double().log_softmax(1)

    return answer


@dataclass(frozen=True)
class World:
    """What an attacker holds, the target and its members, and how many batches each shadow model was asked about."""

    auxiliary: Auxiliary
    target: Callable[[torch.Tensor], torch.Tensor]
    membership: np.ndarray
    asked: list[int]


def make_world() -> World:
    """Return smooth images and models of them."""
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.random((N, 1, 7, 7)))
    smooth = torch.nn.functional.interpolate(coarse, size=(28, 28), mode="bicubic").clamp(0, 1)
    labels = torch.from_numpy(random.integers(0, CLASSES, N))
    candidates = LabelledImages((255 * smooth).round().to(torch.uint8), labels)
    membership = random.random((MODELS + 1, N)) < 0.5
    models = [nearest(candidates, members) for members in membership]
    asked = [0] * MODELS

    def counted(number):
        def ask(pixels):
            asked[number] += 1
            return models[number](pixels)

        return ask

    nothing = Answers(np.zeros((N, CLASSES)), np.zeros((0, CLASSES)))
    shadows = [ShadowModel(membership[number], lambda: nothing, counted(number)) for number in range(MODELS)]
    no_images = candidates.take(torch.arange(0))
    return World(Auxiliary(candidates, no_images, shadows), models[-1], membership[-1], asked)


def shifted(image: np.ndarray, right: int, down: int) -> np.ndarray:
    copy = np.zeros_like(image)
    for row in range(28):
        for column in range(28):
            if 0 <= row - down < 28 and 0 <= column - right < 28:
                copy[row, column] = image[row - down, column - right]
    return copy


def rotated(image: np.ndarray, degrees: float) -> np.ndarray:
    """Turn counter-clockwise as seen, where rows count downwards: each pixel looks up where it came from."""
    copy = np.zeros_like(image)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for row in range(28):
        for column in range(28):
            x, y = column - 13.5, 13.5 - row
            from_column, from_row = 13.5 + cosine * x + sine * y, 13.5 - (cosine * y - sine * x)
            left, top = math.floor(from_column), math.floor(from_row)
            for r, c in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
                if 0 <= r < 28 and 0 <= c < 28:
                    copy[row, column] += (1 - abs(from_row - r)) * (1 - abs(from_column - c)) * image[r, c]
    return copy


def copies(image: np.ndarray) -> list[np.ndarray]:
    moves = [shifted(image, *move) for move in ((-1, 0), (0, -1), (0, 1), (1, 0))]
    return [image, *moves, rotated(image, 9.0), rotated(image, -9.0)]


def test_the_copies_are_the_papers_shifts_and_rotations():
    pixels = torch.from_numpy(np.random.default_rng(0).random((3, 1, 28, 28)).astype(np.float32))
    views = torch.stack(list(LabelOnlyAugmentation().views(pixels)), dim=1).numpy()
    for image, found in zip(pixels.numpy(), views, strict=True):
        np.testing.assert_allclose(found[:, 0], copies(image[0]), atol=1e-5)


@pytest.mark.parametrize(
    ("shift", "rotation", "queries"), [(1, 9.0, 7), (2, 9.0, 11), (0, 9.0, 3), (1, 0.0, 5), (0, 0.0, 1)]
)
def test_zero_switches_a_kind_of_copy_off(shift, rotation, queries):
    attack = LabelOnlyAugmentation(shift=shift, rotation=rotation)
    views = list(attack.views(torch.rand(2, 1, 28, 28)))
    assert attack.queries == len(views) == queries
    assert len({view.numpy().tobytes() for view in views}) == queries


def test_the_scores_are_the_log_odds_of_a_logistic_regression_on_the_shadow_models_bits():
    world = make_world()
    auxiliary, target = world.auxiliary, world.target
    pixels, labels = auxiliary.candidates.pixels().numpy(), auxiliary.candidates.labels.numpy()
    everything = torch.from_numpy(np.array([copies(image[0]) for image in pixels], dtype=np.float32))

    def bits(ask):
        return (ask(everything.view(-1, 1, 28, 28)).argmax(1).view(N, 7).numpy() == labels[:, None]).astype(float)

    taught = [bits(shadow.ask) for shadow in auxiliary.shadows[:3]]
    members = auxiliary.membership[:3].ravel()
    expected = LogisticRegression(max_iter=1_000).fit(np.concatenate(taught), members).decision_function(bits(target))
    attack = LabelOnlyAugmentation(shadow_models=3)
    scores = attack.score(attack.observe(target, auxiliary, seed=0), auxiliary)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert scores.dtype == np.float64
    assert len(np.unique(scores)) > 2


def infer(world: World, *, defence=None, attack=None):
    service = Service(world.target, defence or NoDefence(), budget=7 * N)
    [inference] = (attack or LabelOnlyAugmentation()).run(service, world.auxiliary, seed=0)
    return inference


def test_members_are_found_by_their_copies_where_every_image_itself_is_named_rightly():
    world = make_world()
    assert torch.equal(world.target(world.auxiliary.candidates.pixels()).argmax(1), world.auxiliary.candidates.labels)
    inference = infer(world)
    assert auc(inference.scores, world.membership).value > 0.9
    assert (inference.decisions == world.membership).mean() > 0.8


@pytest.mark.parametrize("defence", [LabelOnly(), Flatten()], ids=lambda defence: type(defence).__name__)
def test_a_service_that_tells_nothing_but_a_label_tells_as_much_as_the_open_one(defence):
    world = make_world()
    np.testing.assert_array_equal(infer(world, defence=defence).scores, infer(world).scores)


def test_shadow_models_are_asked_once_however_many_targets_there_are_and_anew_about_other_images():
    world = make_world()
    auxiliary = world.auxiliary
    attack = LabelOnlyAugmentation(shadow_models=MODELS)
    first = infer(world, attack=attack)
    again = infer(replace(world, auxiliary=auxiliary.without(1)), attack=attack)
    assert world.asked == [7] * MODELS
    other = auxiliary.candidates.take(torch.arange(N - 1, -1, -1))
    shadows = [ShadowModel(shadow.membership[::-1], shadow.answers, shadow.ask) for shadow in auxiliary.shadows]
    backwards = infer(replace(world, auxiliary=Auxiliary(other, auxiliary.public, shadows)), attack=attack)
    assert sorted(world.asked) == [7] + [14] * (MODELS - 1)  # the other of the stand-in's pair is left out
    np.testing.assert_allclose(backwards.scores[::-1], first.scores, atol=1e-4)
    assert not np.array_equal(again.scores, first.scores)


@pytest.mark.parametrize(("setting", "value"), [("shift", -1), ("shift", 28), ("rotation", -9.0), ("shadow_models", 0)])
def test_settings_that_cannot_work_are_refused(setting, value):
    with pytest.raises(UserError, match=rf"^{setting}={value}: needs a"):
        LabelOnlyAugmentation(**{setting: value})
