import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from privattack.errors import UserError
from privattack.models.lightning_modules import TargetModule
from privattack.models.networks import MLP, ConvNet, LeNet
from privattack.models.recipes import Supervised
from privattack.models.target import Target
from privattack.models.target_training import train_by_lightning, train_target
from privattack.randomness import generator
from tests.models.trainings import CPU, Small, assert_same_weights, built


def test_a_training_is_the_studys_recipe_in_plain_pytorch(fitted, make_images):
    network, plain = (built(lambda: MLP(classes=10)) for _ in range(2))
    fitted(network)
    members = make_images(70)
    optimiser = torch.optim.Adadelta(plain.parameters(), lr=1.0)
    decay = torch.optim.lr_scheduler.StepLR(optimiser, step_size=1, gamma=0.7)
    for epoch in range(3):
        for places in torch.randperm(70, generator=generator(2, "target.order", epoch)).split(16):
            batch = members.take(places)
            loss = F.nll_loss(F.log_softmax(plain(batch.pixels()), dim=1), batch.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        decay.step()
    for trained, expected in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(trained, expected, rtol=1e-4, atol=1e-5)


MOMENTUM = {
    "lr": 0.05,
    "optimizer": partial(torch.optim.SGD, momentum=0.9, weight_decay=1e-3),
    "scheduler": partial(torch.optim.lr_scheduler.CosineAnnealingLR),
}


@pytest.mark.parametrize(
    ("build", "changes"),
    [
        *((lambda kind=kind: kind(classes=10), {}) for kind in (LeNet, ConvNet, MLP)),
        (Small, {}),
        (Small, MOMENTUM),
    ],
)
def test_lightnings_trainer_ends_with_the_same_weights_to_the_last_bit(build, changes, fitted):
    ours, theirs = built(build), built(build)
    history = fitted(ours, **changes)
    other = fitted(theirs, train=train_by_lightning, checkpoint="lightning.ckpt", **changes)
    assert_same_weights(ours, theirs)
    for row, same in zip(history, other, strict=True):
        assert row == pytest.approx(same, rel=1e-5)


def test_a_training_learns_and_says_how_well(fitted, make_images):
    network = built(lambda: LeNet(classes=10))
    history = fitted(network, epochs=25, gamma=0.95)
    assert [row["epoch"] for row in history] == list(range(25))
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert history[-1]["accuracy"] > 0.8
    test = make_images(40, seed=1)
    right = Target(network, device=CPU)(test.pixels()).argmax(dim=1) == test.labels
    assert history[-1]["test_accuracy"] == pytest.approx(right.double().mean().item())


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before(fitted):
    first, again = built(), built()
    histories = []
    for number, network in enumerate((first, again)):
        torch.manual_seed(number)
        histories.append(fitted(network, checkpoint=f"{number}.ckpt"))
    assert_same_weights(first, again)
    assert histories[0] == histories[1]


def test_a_training_draws_nothing_from_the_ambient_generator(fitted):
    torch.manual_seed(1)
    expected = torch.rand(3)
    network = built()
    torch.manual_seed(1)
    fitted(network, epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_weights_after_a_training_share_no_memory(fitted):
    network = built()
    fitted(network, epochs=1)
    places = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    assert len(places) == len(list(network.parameters()))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("network", [Small, lambda: ConvNet(classes=10)])
@pytest.mark.parametrize(
    ("train", "owner", "step"),
    [(train_target, Supervised, "losses"), (train_by_lightning, TargetModule, "training_step")],
)
def test_a_training_that_was_killed_ends_with_the_weights_of_one_that_was_not(
    network, train, owner, step, fitted, tmp_path, monkeypatch
):
    whole = built(network)
    expected = fitted(whole, train=train, checkpoint="whole.ckpt")
    original, steps = getattr(owner, step), []

    def counted(self, *args):
        steps.append(1)
        if len(steps) == deadly:
            raise Killed
        return original(self, *args)

    monkeypatch.setattr(owner, step, counted)
    deadly = 0
    fitted(built(network), train=train, checkpoint="counted.ckpt")
    every, deadly = len(steps), len(steps) - 2  # in the last epoch
    steps.clear()
    with pytest.raises(Killed):
        fitted(built(network), train=train)
    assert (tmp_path / "training.ckpt").exists()

    # The fresh network's weights are others: all must come from the checkpoint.
    torch.manual_seed(99)
    resumed, deadly = network(), 0
    steps.clear()
    assert fitted(resumed, train=train) == expected
    assert 0 < len(steps) <= every / 3
    assert_same_weights(resumed, whole)


@pytest.mark.parametrize(("first", "then"), [(train_target, train_by_lightning), (train_by_lightning, train_target)])
def test_what_one_way_of_training_left_the_other_starts_again(first, then, fitted):
    whole, network = built(), built()
    fitted(whole, checkpoint="whole.ckpt")
    fitted(built(), train=first, epochs=2)
    fitted(network, train=then)
    assert_same_weights(network, whole)


@pytest.mark.filterwarnings("ignore:Encountered `nan` values")
@pytest.mark.parametrize("train", [train_target, train_by_lightning])
def test_a_training_that_diverges_names_the_learning_rate(train, fitted):
    with pytest.raises(UserError, match=r"target\.lr=1e\+38: .* use a smaller target\.lr") as caught:
        fitted(built(), train=train, lr=1e38)
    assert "\n" not in str(caught.value)


def test_the_target_answers_in_eval_mode_even_after_a_training():
    network = built().train()
    for _ in range(3):
        network(torch.randn(32, 1, 28, 28))
    target, pixels = Target(network, device=CPU), torch.rand(20, 1, 28, 28)
    before = copy.deepcopy(network.state_dict())
    together = target(pixels)
    torch.testing.assert_close(torch.cat([target(pixels[[i]]) for i in range(20)]), together, rtol=1e-5, atol=1e-5)
    assert torch.equal(target(pixels), together)
    assert all(torch.equal(before[name], kept) for name, kept in network.state_dict().items())


def test_the_target_answers_in_parts_as_in_one(make_images):
    network, pixels = built(), make_images(25).pixels()
    whole = Target(network, device=CPU)(pixels)
    torch.testing.assert_close(Target(network, device=CPU, batch_size=4)(pixels), whole, rtol=1e-5, atol=1e-5)
    assert Target(network, device=CPU)(pixels[:0]).shape == (0, 10)


def test_the_target_tells_near_certainties_apart():
    class Sure(nn.Module):
        def forward(self, images):
            return images[:, 0, 0, :2] * 1e3

    pixels = torch.zeros(2, 1, 28, 28)
    pixels[0, 0, 0, 0], pixels[1, 0, 0, 0] = 0.008, 0.009  # logits 26 and 29: p = 1 - 5e-12 and 1 - 2.5e-13
    answer = Target(Sure(), device=CPU)(pixels)
    assert answer[0, 0] < answer[1, 0] < 0
    assert answer.dtype == torch.float32
