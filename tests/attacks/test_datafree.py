import pytest
import torch
from torch.nn.functional import cosine_similarity

from privattack.attacks.extraction.base import NONE
from privattack.attacks.extraction.datafree import (
    DataFree,
    centred_absolute_error,
    forward_difference,
    image_generator,
    unit_directions,
)
from privattack.data.query_pool import QueryPool
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.randomness import generator
from tests.attacks.extracting import extract, linear_target, trainer


def upper_half(pixels):
    return pixels[:, 0, :14].mean(dim=(1, 2))


def test_the_generator_moves_to_where_service_and_student_disagree(make_images):
    """The service is the surer of class 0 the brighter an image's upper half, and the student all but stands still."""

    def target(pixels):
        # A label tells nothing here: it is always that of class 0.
        return (60 * upper_half(pixels).unsqueeze(1) * torch.eye(10)[0]).log_softmax(dim=1)

    def brightness(defence):
        attack = DataFree(generator_lr=1e-2, batch=32, student_steps=1)
        settings = {"target": target, "defence": defence, "seeds": [3], "surrogates": trainer(lr=1e-9)}
        extraction, _ = extract(attack, make_images(1), budgets=[1_600], **settings)
        return torch.stack([upper_half(one.images).unflatten(0, (-1, 32)).mean(dim=1) for one in extraction.asked])

    scores, labels = brightness(NoDefence()), brightness(LabelOnly())
    assert (scores[:, -1] > scores[:, 0] + 0.04).all()
    assert (labels[:, -1] < labels[:, 0] + 0.02).all()


@pytest.mark.parametrize(("directions", "generator_steps", "student_steps"), [(1, 1, 5), (3, 2, 1)])
def test_every_image_of_every_step_is_counted(directions, generator_steps, student_steps, make_images):
    steps = [10 * (directions + 1)] * generator_steps + [10] * student_steps
    budget = 2 * sum(steps) + 13
    counted = []

    def counting(pixels):
        counted.append(len(pixels))
        return linear_target(pixels)

    settings = {"directions": directions, "generator_steps": generator_steps, "student_steps": student_steps}
    extract(DataFree(batch=10, **settings), make_images(1), budgets=[budget], target=counting, seeds=[3])
    assert counted == [*steps, *steps, 13]


def test_images_are_made_lie_in_range_and_differences_lie_as_far_beside_as_set(make_images):
    extraction, _ = extract(DataFree(batch=10, directions=2, epsilon=0.5), make_images(1), budgets=[70])
    for one in extraction.asked:
        assert one.images.min() >= 0
        assert one.images.max() <= 1
        assert (one.places == NONE).all()
        assert (one.own_labels == NONE).all()
        before_tanh = (2 * one.images.double() - 1).atanh()
        apart = (before_tanh[10:30].unflatten(0, (2, 10)) - before_tanh[:10]).flatten(2).norm(dim=2)
        torch.testing.assert_close(apart, torch.full((2, 10), 0.5).double(), rtol=1e-3, atol=0)


def test_forward_differences_along_all_axes_are_the_gradient_that_autograd_finds():
    """Of the error of a student against a service that can be differentiated, in float64."""
    random = generator(0, "test")
    service, student = (torch.randn(784, 10, generator=random).double() / 28 for _ in range(2))

    def error(images):
        named, answers = ((images.flatten(1) @ weight).log_softmax(dim=1) for weight in (student, service))
        return centred_absolute_error(named.unsqueeze(1), answers.unsqueeze(1))

    images = torch.randn(6, 1, 28, 28, generator=random).double().requires_grad_(True)
    (expected,) = torch.autograd.grad(error(images).sum(), images)
    axes = torch.eye(784).double().view(784, 1, 1, 28, 28).expand(-1, 3, -1, -1, -1).expand(2, -1, -1, -1, -1, -1)
    points = images.detach().view(2, 3, 1, 28, 28)
    beside = error((points.unsqueeze(1) + 1e-6 * axes).flatten(0, 2)).view(2, 784, 3)
    gradient = forward_difference(error(images).detach().view(2, 3), beside, axes, 1e-6)
    torch.testing.assert_close(gradient.flatten(0, 1), expected, rtol=1e-3, atol=1e-6)


def test_random_directions_have_length_one_and_estimate_a_gradient_without_bias():
    gradient = torch.randn(1, 28, 28, generator=generator(0, "gradient")).double()
    directions = unit_directions(5_000, 1, (1, 28, 28), generator(0, "test")).double()
    torch.testing.assert_close(directions.flatten(2).norm(dim=2), torch.ones(5_000, 1).double())
    here, beside = torch.zeros(1, 1).double(), 0.1 * (directions * gradient).flatten(2).sum(dim=2)
    estimate = forward_difference(here, beside.unsqueeze(0), directions.unsqueeze(0), 0.1).flatten()
    assert cosine_similarity(estimate, gradient.flatten(), dim=0) > 0.9
    assert estimate @ gradient.flatten() / gradient.square().sum() == pytest.approx(1, abs=0.06)


def test_the_published_loss_is_the_distance_of_logits_whatever_their_constants():
    random = generator(0, "test")
    surrogate, answers = torch.randn(2, 3, 7, 10, generator=random).unbind()
    distance = (surrogate - surrogate.mean(dim=2, keepdim=True)) - (answers - answers.mean(dim=2, keepdim=True))
    expected = distance.abs().mean(dim=(1, 2))
    torch.testing.assert_close(centred_absolute_error(surrogate, answers), expected)
    logarithms = centred_absolute_error(surrogate.log_softmax(dim=2), answers.log_softmax(dim=2))
    torch.testing.assert_close(logarithms, expected)


def test_noise_becomes_images():
    assert image_generator(12, (1, 28, 28))(torch.randn(5, 12)).shape == (5, 1, 28, 28)


def test_any_budget_will_do_whatever_the_pool(make_images):
    attack = DataFree()
    for budget in (1, 100_000):
        attack.check(QueryPool(make_images(1), 10), budget=budget)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("latent", 0), ("batch", 0), ("generator_steps", 0), ("student_steps", -1), ("directions", 0),
        ("generator_lr", 0.0), ("epsilon", -1e-3), ("epsilon", float("nan")), ("generator_lr", float("inf")),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(setting, value):
    with pytest.raises(UserError, match=rf"^{setting}={value}: needs .*\.$"):
        DataFree(**{setting: value})
