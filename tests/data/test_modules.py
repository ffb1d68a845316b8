import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privattack.data.images import normalise
from privattack.data.modules import STEPS, Chunks, QueryDataModule, TargetDataModule
from privattack.randomness import generator

CPU = torch.device("cpu")


class AtEpoch:
    """Stands for a Trainer of which only the epoch is asked."""

    def __init__(self, epoch: int) -> None:
        self.current_epoch = epoch


def batches_of(module, epoch: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    module.trainer = AtEpoch(epoch)
    return [batch for chunk in module.train_dataloader() for batch in chunk]


@given(n=st.integers(1, 300), batch_size=st.integers(1, 70))
def test_chunks_feed_every_place_once_in_order_in_batches_of_the_size_asked_for(n, batch_size):
    order = torch.randperm(n)
    chunks = Chunks(lambda places: (places, places), order, batch_size=batch_size)
    items = [[places for places, _ in chunk] for chunk in chunks]
    fed = [places for item in items for places in item]
    assert len(items) == len(chunks)
    assert all(len(item) == STEPS for item in items[:-1])
    assert torch.equal(torch.cat(fed), order)
    assert [len(places) for places in fed[:-1]] == [batch_size] * (len(fed) - 1)
    assert 1 <= len(fed[-1]) <= batch_size


def test_chunks_feed_the_same_again_when_asked_again():
    chunks = Chunks(lambda places: (places, places), torch.arange(50), batch_size=2)
    first, second = ([places.tolist() for chunk in chunks for places, _ in chunk] for _ in range(2))
    assert first == second


@pytest.fixture(scope="module")
def target_module(make_images):
    return TargetDataModule(make_images(50), make_images(30, seed=1), batch_size=8, seed=3, device=CPU)


def test_the_target_sees_every_member_once_per_epoch_with_its_own_label(target_module, make_images):
    members = make_images(50)
    images, labels = (torch.cat(part) for part in zip(*batches_of(target_module), strict=True))
    order = torch.randperm(50, generator=generator(3, "target.order", 0))
    assert torch.equal(labels, members.labels[order])
    assert torch.equal(images, normalise(members.take(order).pixels()))


def test_the_targets_order_is_another_in_every_epoch_and_the_same_whenever_asked(target_module):
    orders = [torch.cat([labels for _, labels in batches_of(target_module, epoch)]).tolist() for epoch in (0, 1, 0)]
    assert orders[0] == orders[2]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_the_target_is_watched_by_every_test_image(target_module, make_images):
    labels = torch.cat([labels for chunk in target_module.val_dataloader() for _, labels in chunk])
    assert torch.equal(labels, make_images(30, seed=1).labels)


def queries_of(seeds, *, rows=slice(None)) -> QueryDataModule:
    random = torch.Generator().manual_seed(0)
    pixels = torch.rand(40, 1, 28, 28, generator=random)
    queries = torch.stack([torch.randperm(40, generator=random)[:21] for _ in range(3)])[rows]
    answers = torch.randn(3, 21, 10, generator=random).log_softmax(dim=2)[rows]
    return QueryDataModule(pixels, queries, answers, seeds=seeds, batch_size=4, device=CPU)


def test_each_surrogate_learns_its_own_answer_to_its_own_query():
    module = queries_of([5, 6, 7])
    images, answers = (torch.cat(part, dim=1) for part in zip(*batches_of(module, 2), strict=True))
    for row, seed in enumerate([5, 6, 7]):
        order = torch.randperm(21, generator=generator(seed, "order", 2))
        assert torch.equal(images[row], module.images[module.queries[row, order]])
        assert torch.equal(answers[row], module.answers[row, order])


def test_a_surrogates_batches_do_not_depend_on_its_neighbours():
    together = batches_of(queries_of([5, 6, 7]), 1)
    alone = batches_of(queries_of([6], rows=slice(1, 2)), 1)
    for (images, answers), (own_images, own_answers) in zip(together, alone, strict=True):
        assert torch.equal(images[1:2], own_images)
        assert torch.equal(answers[1:2], own_answers)


def test_surrogates_of_equal_seed_see_the_same_order():
    module = queries_of([5, 5, 9])
    module.queries[:] = module.queries[0].clone()
    images, _ = (torch.cat(part, dim=1) for part in zip(*batches_of(module), strict=True))
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])
