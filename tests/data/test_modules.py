import lightning
import pytest
import torch
from torch import nn

from privattack.data.modules import QueryDataModule, TargetDataModule
from privattack.data.orders import MiniBatches
from privattack.randomness import generator


def batches_of(module, epoch: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    module.setup("fit")
    loader = module.train_dataloader()
    loader.sampler.set_epoch(epoch)
    batches = list(loader)
    assert len(batches) == len(loader)
    return batches


@pytest.fixture(scope="module")
def target_module(make_images):
    return TargetDataModule(make_images(50), make_images(30, seed=1), batch_size=8, seed=3)


def test_the_target_sees_every_member_once_per_epoch_with_its_own_label(target_module, make_images):
    members, batches = make_images(50), batches_of(target_module)
    assert [len(labels) for _, labels in batches] == [8] * 6 + [2]
    images, labels = (torch.cat(part) for part in zip(*batches, strict=True))
    order = torch.randperm(50, generator=generator(3, "target.order", 0))
    assert torch.equal(labels, members.labels[order])
    assert torch.equal(images, members.take(order).pixels())


def test_the_targets_order_is_another_in_every_epoch_and_the_same_whenever_asked(target_module):
    orders = [torch.cat([labels for _, labels in batches_of(target_module, epoch)]).tolist() for epoch in (0, 1, 0)]
    assert orders[0] == orders[2]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_several_devices_have_equal_parts_of_each_mini_batch_which_is_filled_up_for_them():
    orders = [
        [places.tolist() for places in MiniBatches(lambda _: torch.arange(10), batch_size=6, share=(part, 3))]
        for part in range(3)
    ]
    assert orders == [[[0, 3], [6, 9]], [[1, 4], [7, 6]], [[2, 5], [8, 7]]]


def test_lightning_tells_the_epoch_by_itself(target_module):
    class Watcher(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer, self.seen = nn.Linear(784, 10), []

        def training_step(self, batch, _):
            self.seen.append(batch[1])
            return self.layer(batch[0].flatten(1)).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    watcher = Watcher()
    lightning.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(watcher, target_module)  # fmt: skip
    expected = [labels for epoch in (0, 1) for _, labels in batches_of(target_module, epoch)]
    assert torch.equal(torch.cat(watcher.seen), torch.cat(expected))


def test_the_target_is_watched_by_every_test_image(target_module, make_images):
    target_module.setup("fit")
    labels = torch.cat([labels for _, labels in target_module.val_dataloader()])
    assert torch.equal(labels, make_images(30, seed=1).labels)


def queries_of(seeds, *, rows=slice(None)) -> QueryDataModule:
    random = torch.Generator().manual_seed(0)
    pixels = torch.rand(40, 1, 28, 28, generator=random)
    queries = torch.stack([torch.randperm(40, generator=random)[:21] for _ in range(3)])[rows]
    answers = torch.randn(3, 21, 10, generator=random).log_softmax(dim=2)[rows]
    return QueryDataModule(pixels, queries, answers, seeds=seeds, batch_size=4)


def test_each_surrogate_learns_its_own_answer_to_its_own_query():
    module = queries_of([5, 6, 7])
    pixels, queries, learnt = module.data
    images, answers = (torch.cat(part, dim=1) for part in zip(*batches_of(module, 2), strict=True))
    for row, seed in enumerate([5, 6, 7]):
        order = torch.randperm(21, generator=generator(seed, "order", 2))
        assert torch.equal(images[row], pixels[queries[row, order]])
        assert torch.equal(answers[row], learnt[row, order])


def test_a_surrogates_batches_do_not_depend_on_its_neighbours():
    together = batches_of(queries_of([5, 6, 7]), 1)
    alone = batches_of(queries_of([6], rows=slice(1, 2)), 1)
    for (images, answers), (own_images, own_answers) in zip(together, alone, strict=True):
        assert torch.equal(images[1:2], own_images)
        assert torch.equal(answers[1:2], own_answers)


def test_surrogates_of_equal_seed_see_the_same_order():
    module = queries_of([5, 5, 9])
    module.data[1][:] = module.data[1][0].clone()
    images, _ = (torch.cat(part, dim=1) for part in zip(*batches_of(module), strict=True))
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])
