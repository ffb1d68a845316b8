import pytest
import torch

from privattack.attacks.extraction import jbda
from privattack.attacks.extraction.base import NONE
from privattack.attacks.extraction.jbda import JacobianAugmentation, towards
from privattack.data.images import LabelledImages
from privattack.data.query_pool import QueryPool
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.models.surrogate import Lesson, cross_entropy
from privattack.randomness import generator
from tests.attacks.extracting import SEEDS, Recorder, extract, linear_target, trainer

TARGETS = pytest.mark.parametrize("targets", [None, 3])


def pale(images):
    """Return images with half the contrast, under much noise."""
    noise = torch.randint(0, 200, images.images.shape, generator=generator(len(images), "pale"))
    return LabelledImages((images.images // 2 + noise).clamp(max=255).to(torch.uint8), images.labels)


@TARGETS
@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly()], ids=lambda defence: type(defence).__name__)
def test_the_published_attacker_copies_a_target_the_better_for_made_images(targets, defence, make_images):
    attack, settings = (
        JacobianAugmentation(start=60, targets=targets),
        {"defence": defence, "surrogates": trainer(epochs=8)},
    )
    extraction, _ = extract(attack, pale(make_images(100)), budgets=[60, 400], **settings)
    pixels = pale(make_images(500, seed=1)).pixels()
    few, many = (
        (surrogates.predict(pixels)[0].argmax(dim=2) == linear_target(pixels).argmax(dim=1)).double().mean()
        for _, surrogates in extraction.curve
    )
    assert many > few + 0.1
    assert many > 0.65


@TARGETS
def test_a_made_image_lies_a_step_from_one_asked_about_before_and_takes_its_label(targets, make_images):
    pool = make_images(60)
    extraction, _ = extract(JacobianAugmentation(start=40, step=0.05, targets=targets), pool, budgets=[160])
    for one in extraction.asked:
        assert torch.equal(pool.pixels()[one.places[:40]], one.images[:40])
        assert (one.places[40:] == NONE).all()
        assert one.images.min() >= 0
        assert one.images.max() <= 1
        for first, after in ((40, 80), (80, 160)):
            apart = (one.images[first:after, None] - one.images[None, :first]).abs().amax(dim=(2, 3, 4))
            nearest, parents = apart.min(dim=1)
            assert nearest.min() > 0.049
            assert nearest.max() < 0.051
            assert torch.equal(one.own_labels[first:after], one.own_labels[parents])


def test_images_move_by_the_sign_of_each_copys_gradient(make_images):
    """Compared with central differences of the copies' log-probabilities, for every pixel of an image."""
    images = make_images(40)
    pixels = 0.2 + images.pixels() / 2
    surrogates = trainer(epochs=2, batch_size=8)
    lesson = Lesson("adaptive", linear_target(images.pixels()).expand(2, -1, -1), cross_entropy)
    copies = surrogates.train(images.pixels(), torch.arange(40).repeat(2, 1), [lesson], seeds=SEEDS)
    parents, classes = pixels[:6].view(2, 3, 1, 28, 28), torch.tensor([[1, 2, 3], [4, 5, 6]])
    moved = (towards(copies, parents, classes, 0.1) - parents).flatten(2)
    shifts = 0.01 * torch.eye(784).view(784, 1, 28, 28)
    for repetition in range(2):
        for place in range(3):
            image, named = parents[repetition, place], classes[repetition, place]
            ahead, behind = (
                copies.predict(image + sign * shifts)[0, repetition, :, named].double() for sign in (1, -1)
            )
            slopes = ahead - behind
            steep = slopes.abs() > 1e-4
            assert steep.double().mean() > 0.5
            torch.testing.assert_close(moved[repetition, place][steep], 0.1 * slopes[steep].sign().float())


def test_images_stay_images_at_the_ends_of_the_range(make_images):
    images = make_images(40)
    surrogates = trainer(batch_size=8)
    lesson = Lesson("adaptive", linear_target(images.pixels()).unsqueeze(0), cross_entropy)
    copies = surrogates.train(images.pixels(), torch.arange(40).unsqueeze(0), [lesson], seeds=SEEDS[:1])
    moved = towards(copies, torch.cat([torch.zeros(1, 1, 1, 28, 28), torch.ones(1, 1, 1, 28, 28)], dim=1),
                    torch.tensor([[0, 0]]), 0.25)  # fmt: skip
    assert {round(value, 2) for value in moved[0, 0].unique().tolist()} == {0, 0.25}
    assert {round(value, 2) for value in moved[0, 1].unique().tolist()} == {0.75, 1}


@pytest.fixture
def moves(monkeypatch):
    """Return a list in which each round's parents and classes are put down."""
    noted = []

    def note(copies, images, classes, step):
        noted.append((images, classes))
        return towards(copies, images, classes, step)

    monkeypatch.setattr(jbda, "towards", note)
    return noted


def test_without_targets_every_image_moves_once_along_what_the_service_calls_it(moves, make_images):
    def mistaken(pixels):
        return linear_target(pixels).roll(1, dims=1)

    extraction, _ = extract(JacobianAugmentation(start=40), make_images(60), budgets=[80], target=mistaken)
    [(images, classes)] = moves
    for one, parents, along in zip(extraction.asked, images, classes, strict=True):
        assert torch.equal(mistaken(parents).argmax(dim=1), along)
        assert {image.numpy().tobytes() for image in parents} == {image.numpy().tobytes() for image in one.images[:40]}


def test_with_targets_each_image_moves_towards_as_many_other_classes_than_the_services(moves, make_images):
    extract(JacobianAugmentation(start=40, targets=4), make_images(60), budgets=[80])
    [(images, classes)] = moves
    for parents, to in zip(images, classes, strict=True):
        groups = {}
        for image, one in zip(parents, to.tolist(), strict=True):
            groups.setdefault(image.numpy().tobytes(), []).append(one)
        assert [len(group) for group in groups.values()] == [4] * 10
        assert all(len(set(group)) == 4 for group in groups.values())
        assert not (linear_target(parents).argmax(dim=1) == to).any()
        assert len({image.numpy().tobytes() for image in parents[:10]}) == 10
    assert len(classes.unique()) == 10


def test_more_targets_than_other_classes_are_all_the_others(moves, make_images):
    extract(JacobianAugmentation(start=40, targets=50), make_images(60), budgets=[58])
    [(images, _)] = moves
    assert len({image.numpy().tobytes() for image in images[0]}) == 5  # 40 made images, 9 of each


@TARGETS
def test_rounds_double_what_was_asked_and_then_make_a_reservoirs_size_whatever_the_budget(targets, make_images):
    attack, recorded = JacobianAugmentation(start=20, targets=targets, doublings=2, reservoir=25), trainer(Recorder)
    extract(attack, make_images(60), budgets=[150], surrogates=recorded)
    assert [queries for queries, _ in recorded.trained] == [20, 40, 80, 105, 130, 150]


def test_made_images_need_no_labels_of_the_attackers_own(make_images):
    extraction, _ = extract(JacobianAugmentation(start=40), make_images(60), budgets=[70], has_labels=False)
    assert (extraction.asked[0].own_labels == NONE).all()


def test_a_budget_may_exceed_the_pool_but_both_must_hold_the_first_images(make_images):
    attack = JacobianAugmentation()
    attack.check(QueryPool(make_images(150), 10), budget=150)
    attack.check(QueryPool(make_images(150), 10), budget=6_000)
    with pytest.raises(UserError, match=r"^budget=149: the attack needs 150 queries to start; allow as many\.$"):
        attack.check(QueryPool(make_images(200), 10), budget=149)
    with pytest.raises(UserError, match=r"^attack\.start=150: the query pool has 149 images; use as many or fewer\.$"):
        attack.check(QueryPool(make_images(149), 10), budget=6_000)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("start", 0), ("step", 0.0), ("step", -0.1), ("step", 1.5), ("step", float("nan")), ("targets", 0),
        ("doublings", -1), ("reservoir", 0),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(setting, value):
    with pytest.raises(UserError, match=rf"^{setting}={value}: needs .*\.$"):
        JacobianAugmentation(**{setting: value})
