import math

import pytest
import torch
from torch import nn

from privattack.attacks.extraction.knockoff import Bandits, KnockoffNets, draw, rewards, running_mean
from privattack.data.images import LabelledImages
from privattack.errors import UserError
from privattack.randomness import generator
from tests.attacks.extracting import Recorder, extract, trainer

POLICIES = pytest.mark.parametrize("policy", ["random", "adaptive"])


@POLICIES
def test_the_whole_pool_can_be_asked_about_once(policy, make_images):
    extraction, services = extract(KnockoffNets(policy=policy), make_images(130), budgets=[130])
    assert [service.unique_images for service in services] == [130, 130]
    for one in extraction.asked:
        assert torch.equal(one.places.sort().values, torch.arange(130))


def test_the_adaptive_policy_prefers_the_classes_that_reward_it(make_images):
    """The target is sure, but of no one class, of the pool's class 0 only; of the others, it always says the same."""
    generic = make_images(1_000, classes=4)

    def target(pixels):
        first = pixels[:, 0, 4:6].mean(dim=(1, 2)) > 0.5
        winner = torch.where(first, (1_000 * pixels[:, 0, 0, 0]).long() % 10, 0)
        scores = torch.where(first, 8.0, 0.1).unsqueeze(1) * nn.functional.one_hot(winner, 10)
        return scores.log_softmax(dim=1)

    def share(policy):
        attack = KnockoffNets(policy=policy, round=10)
        extraction, _ = extract(attack, generic, budgets=[250], target=target, seeds=[3, 4, 5])
        return torch.cat([generic.labels[one.places] == 0 for one in extraction.asked]).double().mean()

    assert abs(share("random") - 0.25) < 0.06
    assert share("adaptive") > 0.4


def test_classes_are_those_of_the_pool_however_many_and_whatever_their_names(make_images):
    images = make_images(200)
    pool = LabelledImages(images.images, 3 * (images.labels % 3) + 20)
    extraction, _ = extract(KnockoffNets(policy="adaptive", round=40), pool, budgets=[120], has_labels=False)
    assert set(pool.labels[extraction.asked[0].places].tolist()) == {20, 23, 26}


def test_preferences_move_as_the_gradient_bandit_of_the_paper():
    """One repetition, two classes and three answers, of which the losses alone differ, worked out by hand."""
    answers = torch.full((1, 3, 2), 0.5).double().log()
    bandits = Bandits.without_preference(1, 2)
    bandits.losses = torch.tensor([[1.0, 3.0, 3.0]]).double()
    bandits._losses = lambda images, answers: torch.empty(1, 0).double()  # those above are all there is
    reward = [0.0, 1 / 3, 1 / 3]  # the losses, rescaled to 0, 1 and 1, are a third of the mean; the rest is 0
    means = [0.0, 1 / 6, 2 / 9]
    actions, times = [0, 1, 1], [1, 1, 2]
    expected = torch.zeros(2).double()
    for r, mean, action, count in zip(reward, means, actions, times, strict=True):
        for other in (0, 1):
            expected[other] += (r - mean) * ((other == action) - 0.5) / count
    bandits.learn(torch.tensor([actions]), answers, torch.zeros(1, 3, 1, 28, 28))
    torch.testing.assert_close(bandits.preferences, expected.unsqueeze(0))


def test_an_answer_is_judged_by_surrogates_that_have_not_learnt_it():
    bandits = Bandits.without_preference(1, 2)
    images = torch.zeros(1, 1, 1, 28, 28)
    answer = torch.tensor([[[0.75, 0.25]]]).double().log()
    bandits.learn(torch.tensor([[0]]), answer, images)
    bandits.trained = lambda images: torch.tensor([0.5, 0.25]).log().expand(1, 1, 1, 2)
    bandits.learn(torch.tensor([[0, 0]]), answer.repeat(1, 2, 1), images)
    assert bandits.losses.squeeze().tolist() == pytest.approx([math.log(2), (0.75 + 0.5) * math.log(2)])


def test_surrogates_learn_anew_whenever_the_answers_have_doubled(make_images):
    attack, recorded = KnockoffNets(policy="adaptive", round=20), trainer(Recorder)
    extract(attack, make_images(200), budgets=[190], seeds=[3], surrogates=recorded)
    assert [queries for queries, _ in recorded.trained] == [20, 40, 80, 160, 190]


def test_rewards_are_certainty_diversity_and_loss_each_in_its_range_so_far():
    answers = torch.tensor([[[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 0.8, 0.2]]]).double().log()
    reward = rewards(answers, torch.tensor([[2.0, 2.0, 1.0]]).double())
    certainty = [0, 1, 0.6]
    diversity = [0, 1, 1]  # 0, then 1/4 above the mean (3/4, 1/4), then 1.1 / 3 + 0.4 / 3 above (1/2, 1.3 / 3, 0.2 / 3)
    loss = [0, 0, 0]
    expected = [sum(parts) / 3 for parts in zip(certainty, diversity, loss, strict=True)]
    assert reward.squeeze().tolist() == pytest.approx(expected)


def test_rewards_of_answers_do_not_change_when_others_follow():
    random = generator(0, "test")
    answers = torch.randn(2, 30, 10, generator=random).double().log_softmax(dim=2)
    losses = torch.rand(2, 30, generator=random).double()
    reward = rewards(answers, losses)
    assert reward.min() >= 0
    assert reward.max() <= 1
    torch.testing.assert_close(rewards(answers[:, :20], losses[:, :20]), reward[:, :20])


def test_running_mean():
    assert running_mean(torch.tensor([[2.0, 4.0, 9.0]]).double()).tolist() == [[2, 3, 5]]


def test_classes_are_drawn_by_the_softmax_of_the_preferences_and_drop_out_when_empty():
    classes = torch.tensor([0, 1, 2]).repeat(2_000)
    preferences = torch.tensor([1.0, 3.0, 1.0]).double().log()
    places = torch.arange(6_000)[classes < 2]
    drawn = draw(preferences, places, classes, 1_000, generator(0, "test"))
    assert len(drawn.unique()) == 1_000
    shares = classes[drawn].bincount(minlength=3) / 1_000
    torch.testing.assert_close(shares, torch.tensor([0.25, 0.75, 0.0]), atol=0.05, rtol=0)
    everything = draw(preferences, places, classes, 10_000, generator(0, "test"))
    assert torch.equal(everything.sort().values, places)
    assert torch.equal(everything[:1_000], drawn)


@pytest.mark.parametrize(("setting", "value"), [("policy", "greedy"), ("round", 0), ("round", -3)])
def test_bad_settings_are_refused(setting, value):
    with pytest.raises(UserError, match=rf"^{setting}={value}: needs .*\.$"):
        KnockoffNets(**{setting: value})
