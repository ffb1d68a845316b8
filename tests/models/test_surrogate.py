import pytest
import torch
import torch.nn.functional as F
from torch import nn

from privattack.errors import UserError
from privattack.models.networks import MLP, ConvNet, LeNet
from privattack.models.surrogate import Lesson, SurrogateTrainer, cross_entropy, kl_divergence, squared_error
from privattack.randomness import derive, generator

SEEDS = [11, 12, 13]
POOL, QUERIES, CLASSES, BATCH = 60, 37, 10, 8


def small_perceptron(*, classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 12), nn.ReLU(), nn.Linear(12, classes))


class Normed(nn.Sequential):
    """Keeps running means. A bias before them would have rounding for a gradient, of which Adam makes whole steps."""

    def __init__(self, *, classes: int) -> None:
        super().__init__(
            nn.Conv2d(1, 3, 5, stride=3, bias=False), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3 * 64, classes)
        )


@pytest.fixture(scope="module")
def pixels(make_images):
    return make_images(POOL).pixels()


@pytest.fixture(scope="module")
def queries():
    return torch.stack([torch.randperm(POOL, generator=torch.Generator().manual_seed(n))[:QUERIES] for n in SEEDS])


@pytest.fixture(scope="module")
def lessons():
    random = torch.Generator().manual_seed(0)
    answers = [(3 * torch.randn(3, QUERIES, CLASSES, generator=random)).log_softmax(dim=2) for _ in range(3)]
    losses = (squared_error, kl_divergence, cross_entropy)
    return [Lesson(loss.__name__, answer, loss) for answer, loss in zip(answers, losses, strict=True)]


def trainer(network=small_perceptron, **settings) -> SurrogateTrainer:
    return SurrogateTrainer(
        network=network, mean=(0.1307,), std=(0.3081,), **{"epochs": 3, "lr": 1e-3, "batch_size": BATCH, **settings}
    )


# What the losses are, in PyTorch's own words, for one surrogate alone.
PLAIN = {
    "squared_error": F.mse_loss,
    "kl_divergence": lambda surrogate, answers: F.kl_div(surrogate, answers, log_target=True, reduction="batchmean"),
    "cross_entropy": lambda surrogate, answers: F.nll_loss(surrogate, answers.argmax(dim=1)),
}


@pytest.mark.parametrize("loss", [squared_error, kl_divergence, cross_entropy])
def test_a_loss_is_pytorchs_own_for_each_surrogate(loss):
    surrogate, answers = (torch.randn(4, 9, 5).log_softmax(dim=2) for _ in range(2))
    expected = torch.stack([PLAIN[loss.__name__](*pair) for pair in zip(surrogate, answers, strict=True)])
    torch.testing.assert_close(loss(surrogate, answers), expected)


def trained_alone(build, pixels, queries, lesson, repetition):
    """Train one surrogate as any tutorial would."""
    seed = SEEDS[repetition]
    torch.manual_seed(derive(seed, "init"))
    network = build(classes=CLASSES)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    normalised = (pixels - 0.1307) / 0.3081
    images, answers = normalised[queries[repetition]], lesson.answers[repetition]
    for epoch in range(3):
        for places in torch.randperm(QUERIES, generator=generator(seed, "order", epoch)).split(BATCH):
            loss = PLAIN[lesson.name](F.log_softmax(network(images[places]), dim=1), answers[places])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        return F.log_softmax(network.eval()(normalised), dim=1)


@pytest.mark.parametrize("build", [MLP, LeNet, Normed])
def test_training_side_by_side_is_training_each_alone_in_plain_pytorch(build, pixels, queries, lessons):
    together = trainer(build).train(pixels, queries, lessons, seeds=SEEDS).predict(pixels)
    for number, lesson in enumerate(lessons):
        for repetition in range(3):
            alone = trained_alone(build, pixels, queries, lesson, repetition)
            torch.testing.assert_close(together[number, repetition], alone, rtol=1e-3, atol=1e-3)


def test_the_weights_are_those_of_plain_pytorch(pixels, queries, lessons):
    seen = []

    def build(*, classes):
        seen.append(small_perceptron(classes=classes))
        return seen[-1]

    side_by_side = trainer(build).train(pixels, queries, lessons, seeds=SEEDS)
    start = seen[4][1].weight.detach().clone()
    trained_alone(build, pixels, queries, lessons[1], 1)
    stacked = side_by_side._students.network.network.layers[1].weight[4].T
    torch.testing.assert_close(stacked, seen[-1][1].weight, rtol=1e-3, atol=1e-5)
    assert (stacked - start).abs().max() > 1e-3


@pytest.mark.parametrize("build", [small_perceptron, LeNet])
def test_a_surrogate_does_not_depend_on_those_trained_beside_it(build, pixels, queries, lessons):
    together = trainer(build).train(pixels, queries, lessons, seeds=SEEDS).predict(pixels)
    one = Lesson("alone", lessons[2].answers[1:2], lessons[2].loss)
    alone = trainer(build).train(pixels, queries[1:2], [one], seeds=SEEDS[1:2]).predict(pixels)
    torch.testing.assert_close(alone[0, 0], together[2, 1], rtol=1e-4, atol=1e-4)


def test_every_lesson_of_a_repetition_starts_from_the_same_weights(pixels, queries, lessons):
    same = [Lesson(name, lessons[0].answers, squared_error) for name in ("one", "two")]
    one, two = trainer().train(pixels, queries, same, seeds=SEEDS).predict(pixels)
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)
    assert (one[0] - one[1]).abs().max() > 0.01


@pytest.mark.parametrize("build", [small_perceptron, ConvNet])
def test_the_same_seeds_give_the_same_surrogates_and_draw_from_no_one_else(build, pixels, queries, lessons):
    answers = []
    for ambient in (1, 2):
        torch.manual_seed(ambient)
        expected = torch.rand(1)
        torch.manual_seed(ambient)
        surrogates = trainer(build, epochs=1).train(pixels, queries, lessons[:1], seeds=SEEDS)
        assert torch.equal(torch.rand(1), expected)
        answers.append(surrogates.predict(pixels))
    assert torch.equal(*answers)


def test_predictions_are_log_probabilities_whatever_the_batch(pixels, queries, lessons):
    surrogates = trainer(ConvNet, epochs=1).train(pixels, queries, lessons[:1], seeds=SEEDS)
    together = surrogates.predict(pixels)
    assert together.shape == (1, 3, POOL, CLASSES)
    torch.testing.assert_close(together.exp().sum(dim=3), torch.ones(1, 3, POOL))
    alone = torch.cat([surrogates.predict(pixels[[place]]) for place in range(5)], dim=2)
    torch.testing.assert_close(alone, together[:, :, :5], rtol=1e-4, atol=1e-4)


def test_the_last_losses_and_the_course_of_the_training_are_told(pixels, queries, lessons):
    surrogates = trainer().train(pixels, queries, lessons, seeds=SEEDS)
    assert surrogates.final_losses.shape == (3, 3, -(-QUERIES // BATCH))
    assert [row["epoch"] for row in surrogates.history] == [0.0, 1.0, 2.0]
    for number, lesson in enumerate(lessons):
        last = surrogates.final_losses[number].mean().item()
        assert surrogates.history[-1][f"{lesson.name}_loss"] == pytest.approx(last)
        assert surrogates.history[-1][f"{lesson.name}_loss"] < surrogates.history[0][f"{lesson.name}_loss"]


def test_a_surrogate_learns_what_it_is_taught(make_images):
    pool, other = make_images(300), make_images(200, seed=1)
    answers = F.one_hot(pool.labels, 10).to(torch.float32).unsqueeze(0).log()
    learnt = trainer(MLP, epochs=10, batch_size=32).train(
        pool.pixels(), torch.arange(300).unsqueeze(0), [Lesson("labels", answers, cross_entropy)], seeds=[0]
    )
    right = learnt.predict(other.pixels())[0, 0].argmax(dim=1) == other.labels
    assert right.double().mean() > 0.9


@pytest.mark.parametrize("lr", [1e30, 1e38])
def test_a_training_that_diverges_names_the_learning_rate(lr, pixels, queries, lessons):
    with pytest.raises(UserError, match=r"surrogate\.lr=1e\+3.*; use a smaller surrogate\.lr") as caught:
        trainer(lr=lr).train(pixels, queries, lessons, seeds=SEEDS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("build", [MLP, LeNet, ConvNet, Normed])
def test_lightnings_trainer_ends_with_the_same_surrogates_to_the_last_bit(build, pixels, queries, lessons):
    ours, theirs = (
        trainer(build, lightning=lightning).train(pixels, queries, lessons, seeds=SEEDS) for lightning in (False, True)
    )
    assert torch.equal(ours.predict(pixels), theirs.predict(pixels))
    assert ours.history == theirs.history
    assert torch.equal(ours.final_losses, theirs.final_losses)
