import numpy as np
import pytest
import torch

from privattack.attacks.membership.label_only_boundary import LabelOnlyBoundary, boundary_distances
from privattack.attacks.membership.shadow import Answers, Auxiliary, ShadowModel
from privattack.data.images import LabelledImages
from privattack.defences.flatten import Flatten
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.metrics import auc
from privattack.service import Service


class Plane:
    """Two classes on the two sides of a plane through the middle of the pixel cube."""

    def __init__(self) -> None:
        normal = torch.from_numpy(np.random.default_rng(0).normal(size=784))
        self.normal = normal / normal.norm()

    def heights(self, pixels):
        return ((pixels.double().flatten(1) - 0.5) * self.normal).sum(dim=1)

    def __call__(self, pixels):
        heights = self.heights(pixels)
        return torch.stack([-heights, heights], dim=1).log_softmax(dim=1)

    def images(self, n: int):
        """Return greyish noise on both sides, its classes and its exact distances, a fraction of those in between."""
        random = np.random.default_rng(1)
        sides = np.where(np.arange(n) % 2 == 0, 1, -1)
        normal = self.normal.numpy()
        noise = 0.1 * random.normal(size=(n, 784))
        noise += np.outer(sides * random.uniform(0.5, 1.5, n) - noise @ normal, normal)
        grey = np.clip(0.5 + noise, 0, 1)
        pixels = torch.from_numpy(grey.astype(np.float32)).view(n, 1, 28, 28)
        heights = self.heights(pixels)
        assert (heights.abs() > 0.4).all()
        return pixels, (heights > 0).long(), heights.abs().numpy()


PLANE = Plane()


def distances(n: int = 8, *, queries: int, ask=PLANE, **settings):
    images, labels, _ = PLANE.images(n)
    return boundary_distances(ask, images, labels, queries=queries, seed=0, **settings)


@pytest.mark.parametrize(("queries", "most"), [(500, 2.2), (1_000, 1.7), (2_500, 1.3), (5_000, 1.2)])
def test_distances_to_a_plane_are_near_the_exact_ones_and_never_below(queries, most):
    """A gradient in 784 dimensions from some dozens of bits is rough: more queries are what brings it closer."""
    ratios = distances(queries=queries) / PLANE.images(8)[2]
    assert ratios.min() >= 1
    assert ratios.max() < most


def test_more_queries_never_give_a_larger_distance():
    budgets = [50, 51, 60, 61, 75, 100, 150, 200, 350, 500]
    found = np.stack([distances(queries=queries) for queries in budgets])
    assert (np.diff(found, axis=0) <= 0).all()
    assert (found[-1] < found[0]).all()


def test_the_distance_is_that_of_a_point_that_the_service_was_asked_about():
    images, labels, _ = PLANE.images(6)
    queries = []

    def ask(pixels):
        queries.append(pixels)
        return PLANE(pixels)

    found = boundary_distances(ask, images, labels, queries=150, seed=0)
    asked = torch.cat(queries)
    assert asked.min() >= 0
    assert asked.max() <= 1
    for image, label, distance in zip(images, labels, found, strict=True):
        other = asked[PLANE(asked).argmax(dim=1) != label].double() - image.double()
        assert np.isclose(other.flatten(1).norm(dim=1), distance, rtol=1e-6).any()


@pytest.mark.parametrize("queries", [1, 5, 8, 40, 41, 100, 333])
@pytest.mark.parametrize("n", [2, 7])
def test_no_image_takes_more_queries_than_its_own(queries, n):
    service = Service(PLANE, NoDefence(), budget=queries * n)
    found = distances(n, queries=queries, ask=service.query)
    assert service.refused == 0
    assert service.images <= queries * n
    assert np.isfinite(found).all()


def test_most_of_the_queries_are_used():
    service = Service(PLANE, NoDefence(), budget=4_000)
    distances(queries=500, ask=service.query)
    assert service.images > 3_000


def test_images_that_are_named_wrongly_have_the_distance_0_and_cost_one_query():
    images, labels, _ = PLANE.images(6)
    service = Service(PLANE, NoDefence(), budget=600)
    wrong = labels.clone()
    wrong[[1, 4]] = 1 - wrong[[1, 4]]
    found = boundary_distances(service.query, images, wrong, queries=100, seed=0)
    np.testing.assert_array_equal(found == 0, [False, True, False, False, True, False])
    assert service.images <= 2 + 4 * 100


def test_where_all_images_get_one_label_the_distance_is_the_diagonal():
    images, labels, _ = PLANE.images(8)
    ask = Service(PLANE, NoDefence(), budget=4).query
    one_side = labels == 1
    found = boundary_distances(ask, images[one_side], labels[one_side], queries=100, seed=0)
    np.testing.assert_array_equal(found, 28.0)


@pytest.mark.parametrize("defence", [LabelOnly(), Flatten()], ids=lambda defence: type(defence).__name__)
def test_a_service_that_tells_nothing_but_a_label_tells_as_much_as_the_open_one(defence):
    service = Service(PLANE, defence, budget=8 * 120)
    np.testing.assert_array_equal(distances(queries=120, ask=service.query), distances(queries=120))


def test_an_images_distance_does_not_depend_on_the_others_of_its_batch():
    images, labels, _ = PLANE.images(60)
    together = boundary_distances(PLANE, images, labels, queries=100, seed=0)
    backwards = boundary_distances(PLANE, images.flip(0), labels.flip(0), queries=100, seed=0)
    np.testing.assert_allclose(backwards[::-1], together, rtol=1e-5)
    # Alone with the image that its search starts from.
    for number in (0, 17, 59):
        gaps = torch.cdist(images[number].flatten(1), images.flatten(1))[0]
        gaps[labels == labels[number]] = torch.inf
        pair = torch.tensor([number, int(gaps.argmin())])
        alone = boundary_distances(PLANE, images[pair], labels[pair], queries=100, seed=0)
        np.testing.assert_allclose(alone[0], together[number], rtol=1e-5)


N, CLASSES = 60, 3


def weighted(candidates: LabelledImages, weights: np.ndarray):
    """Return a model that names the class of the nearest candidate, distances divided by weights: all are right."""

    def answer(pixels):
        gaps = torch.cdist(pixels.flatten(1), candidates.pixels().flatten(1)) / torch.from_numpy(weights)
        return torch.nn.functional.one_hot(candidates.labels[gaps.argmin(dim=1)], CLASSES).double().log_softmax(dim=1)

    return answer


def test_members_that_lie_further_from_the_boundary_are_found():
    """Members weigh half as much again as others, in the target and in two such models to learn from."""
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.integers(0, 256, (N, 1, 28, 28)).astype(np.uint8))
    candidates = LabelledImages(images, torch.from_numpy(random.integers(0, CLASSES, N)))
    membership = random.random((3, N)) < 0.5
    target, *models = [weighted(candidates, np.where(members, 1.5, 1.0)) for members in membership]
    nothing = Answers(np.zeros((N, CLASSES)), np.zeros((0, CLASSES)))
    shadows = [
        ShadowModel(members, lambda: nothing, model) for members, model in zip(membership[1:], models, strict=True)
    ]
    auxiliary = Auxiliary(candidates, candidates.take(torch.arange(0)), shadows)
    service = Service(target, LabelOnly(), budget=60 * N)
    [inference] = LabelOnlyBoundary(queries=60).run(service, auxiliary, seed=0)
    assert service.refused == 0
    assert auc(inference.scores, membership[0]).value > 0.75
    assert (inference.decisions == membership[0]).mean() > 0.65


@pytest.mark.parametrize(
    ("setting", "value"),
    [("queries", 40), ("initial_gradient_queries", 1), ("theta", 0.0), ("theta", 0.6), ("theta", float("nan"))],
)
def test_settings_that_cannot_work_are_refused(setting, value):
    with pytest.raises(UserError, match=rf"^{setting}={value}: .*[0-9]"):
        LabelOnlyBoundary(**{setting: value})


def test_the_fewest_queries_that_are_allowed_make_one_whole_round():
    least = 2 + 2 * 7 + 25
    with pytest.raises(UserError, match=rf"^queries={least - 1}: .* takes {least};"):
        LabelOnlyBoundary(queries=least - 1)
    assert LabelOnlyBoundary(queries=least).queries == least
    without, whole = (Service(PLANE, NoDefence(), budget=1_000) for _ in range(2))
    distances(queries=least - 1, ask=without.query)
    distances(queries=least, ask=whole.query)
    assert without.images == 8 * (1 + 7)
    assert whole.images >= 8 * (1 + 7 + 25 + 1)
