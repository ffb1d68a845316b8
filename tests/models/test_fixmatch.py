import pytest
import torch
import torch.nn.functional as F
from torch import nn

from privattack.errors import UserError
from privattack.models.fixmatch import FixMatchBatches, FixMatchStudents, FixMatchTrainer
from privattack.models.networks import LeNet
from privattack.models.surrogate import Lesson, SurrogateTrainer, cross_entropy, kl_divergence

CLASSES = 4


def tiny(*, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))


def lesson(name, repetitions, n, loss=kl_divergence, seed=0):
    random = torch.Generator().manual_seed(seed)
    return Lesson(name, torch.randn(repetitions, n, CLASSES, generator=random).log_softmax(dim=2), loss)


def data_of(pixels, queries, lessons, unlabelled, **settings):
    settings = {"seeds": [1, 2], "steps": 5, "mu": 2, "batch_size": 4} | settings
    return FixMatchBatches(pixels, queries, lessons, unlabelled, **settings)


def mini_batches(data):
    return list(data(0))


def by_hand(network, images, answers, loss, threshold, weight):
    """Return algorithm 1's loss for one network: m images with answers, then u distorted, then the same u shifted."""
    m = len(answers)
    known, strong, weak = images.tensor_split([m, m + (len(images) - m) // 2])
    with torch.no_grad():
        probability, named = network(weak).softmax(dim=1).max(dim=1)
    entropies = F.cross_entropy(network(strong), named, reduction="none")
    learnt = loss(network(known).log_softmax(dim=1).unsqueeze(0), answers.unsqueeze(0))
    return learnt.sum() + weight * (entropies * (probability >= threshold)).mean()


@pytest.mark.parametrize(("threshold", "weight"), [(0.0, 1.0), (0.6, 0.5), (1.0, 1.0)])
def test_the_loss_and_its_gradient_are_those_of_the_paper(threshold, weight):
    torch.manual_seed(0)
    networks = [tiny(classes=CLASSES) for _ in range(4)]
    lessons = [lesson("one", 2, 3), lesson("two", 2, 3, cross_entropy)]
    module = FixMatchStudents(networks, lessons, lr=1e-3, threshold=threshold, weight=weight)
    images, answers = torch.randn(4, 3 + 2 * 5, 1, 28, 28), torch.cat([one.answers for one in lessons])
    losses = module.losses(images, answers)
    losses.sum().backward()
    gradients = module.network.layers[1].weight.grad
    for number, network in enumerate(networks):
        expected = by_hand(network, images[number], answers[number], lessons[number // 2].loss, threshold, weight)
        expected.backward()
        torch.testing.assert_close(losses[number], expected)
        torch.testing.assert_close(gradients[number].T, network[1].weight.grad, atol=1e-5, rtol=1e-4)


def test_images_keep_their_answers_and_each_repetition_its_queries():
    """The images are of one brightness each, which tells which they are in spite of all distortions."""
    brightness = torch.arange(1.0, 13.0) / 20
    pixels = brightness.view(-1, 1, 1, 1).expand(-1, 1, 28, 28)
    queries = torch.tensor([[0, 3, 5], [7, 3, 11]])
    lessons = [lesson("one", 2, 3), lesson("two", 2, 3, seed=1)]
    unlabelled = torch.full((6, 1, 28, 28), 255, dtype=torch.uint8)
    for images, answers in mini_batches(data_of(pixels, queries, lessons, unlabelled)):
        assert images.shape == (4, 4 + 2 * 8, 1, 28, 28)
        seen = (images[:, :, 0, 13, 13] - brightness.view(-1, 1, 1)).abs().argmin(dim=0)
        for place, (of_known, answer) in enumerate(zip(seen[:, :4], answers, strict=True)):
            repetition = place % 2
            query = torch.stack([(queries[repetition] == one).nonzero()[0, 0] for one in of_known])
            assert torch.equal(lessons[place // 2].answers[repetition][query], answer)
        torch.testing.assert_close(images[:, 4:, 0, 13, 13], torch.ones(4, 16))


def test_the_distorted_images_are_those_that_are_shifted():
    unlabelled = (20 * torch.arange(1, 11, dtype=torch.uint8)).view(-1, 1, 1, 1).expand(-1, 1, 28, 28).contiguous()
    data = data_of(torch.zeros(3, 1, 28, 28), torch.tensor([[0, 1, 2]] * 2), [lesson("one", 2, 3)], unlabelled)
    drawn = [images[:, 4:, 0, 13, 13].unflatten(1, (2, 8)) for images, _ in mini_batches(data)]
    for strong, weak in (part.unbind(dim=1) for part in drawn):
        torch.testing.assert_close(strong, weak, atol=1e-4, rtol=0)
    assert len(torch.cat(drawn).unique(dim=0)) > 1


@pytest.mark.parametrize(("queries", "expected"), [(1, 5), (20, 5), (21, 6)])
def test_an_epoch_has_the_steps_set_or_as_many_as_a_pass_over_the_queries_needs(queries, expected, monkeypatch):
    seen = []
    losses = FixMatchStudents.losses
    monkeypatch.setattr(FixMatchStudents, "losses", lambda *batch: seen.append(batch) or losses(*batch))
    trained(queries=queries, epochs=2)
    assert len(seen) == 2 * expected


def trained(*, queries=9, network=tiny, epochs=1, lr=1e-3):
    supervised = SurrogateTrainer(network=network, mean=(0.1307,), std=(0.3081,), epochs=epochs, lr=lr, batch_size=4)
    images = torch.randint(0, 256, (30, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    trainer = FixMatchTrainer(supervised, images, mu=2, steps=5, threshold=0.3, weight=1.0)
    asked = torch.stack([torch.arange(queries), torch.arange(queries) + 5])
    pixels = images / 255
    surrogates = trainer.train(pixels, asked, [lesson("one", 2, queries), lesson("two", 2, queries)], seeds=[1, 2])
    return surrogates, pixels


@pytest.mark.parametrize("network", [tiny, LeNet])
def test_surrogates_of_any_network_answer_like_supervised_ones(network):
    surrogates, pixels = trained(network=network, epochs=2)
    answers = surrogates.predict(pixels)
    assert answers.shape == (2, 2, 30, CLASSES)
    torch.testing.assert_close(surrogates(pixels.expand(2, 2, -1, -1, -1, -1)).detach(), answers, atol=1e-5, rtol=1e-5)
    assert [row.keys() for row in surrogates.history] == [{"epoch", "one_loss", "two_loss"}] * 2
    assert surrogates.final_losses.shape == (2, 2, 5)


def test_a_training_that_diverges_names_its_setting():
    with pytest.raises(UserError, match=r"^surrogate\.lr="):
        trained(lr=1e38, epochs=3)
