import pytest
import torch

from privattack.defences.base import Reveals
from privattack.defences.flatten import Flatten
from privattack.errors import UserError


@pytest.fixture(scope="module")
def pixels(make_images):
    return make_images(400).pixels()


@pytest.fixture(scope="module")
def said():
    return (5 * torch.randn(400, 10, generator=torch.Generator().manual_seed(0))).log_softmax(dim=1)


def losers(answer: torch.Tensor) -> torch.Tensor:
    """Return the probabilities of all but the winner, the winner's place filled by the second."""
    winners = answer.argmax(dim=1, keepdim=True)
    second = answer.scatter(1, winners, 0.0).amax(dim=1, keepdim=True)
    return answer.scatter(1, winners, second)


def test_the_rest_lies_between_the_bounds_and_the_winner_just_above_it(pixels, said):
    answer = Flatten(low=0.09, high=0.10, margin=1e-4)(said, pixels).exp()
    winners = answer.amax(dim=1)
    runners_up = losers(answer).amax(dim=1)
    # Before the renormalisation, sums lie between 10 x 0.09 and 10 x 0.10 + margin.
    assert answer.min() > 0.09 / 1.0011
    assert losers(answer).max() < 0.10 / 0.9
    assert ((winners - runners_up) > 0.9e-4 / 1.0011).all()
    assert ((winners - runners_up) < 1.1e-4 / 0.9).all()


def test_the_noise_is_uniform_and_fills_its_bounds(pixels, said):
    answer = Flatten(low=0.0, high=1.0, margin=1e-4)(said, pixels).exp()
    share = losers(answer) / losers(answer).amax(dim=1, keepdim=True)
    counts = torch.histc(share[share < 1], bins=4, min=0.0, max=1.0)
    assert (counts / counts.sum() - 0.25).abs().max() < 0.05


def test_the_scores_of_the_target_do_not_show(pixels, said):
    hardly = (said * 0.01).log_softmax(dim=1)
    assert torch.equal(Flatten()(said, pixels), Flatten()(hardly, pixels))
    assert Flatten.reveals is Reveals.LABEL


def test_the_same_image_gets_the_same_answer_however_often_and_whoever_asks(pixels, said):
    defence = Flatten(key=3)
    first = defence(said, pixels)
    assert torch.equal(defence(said, pixels), first)
    assert torch.equal(Flatten(key=3)(said, pixels), first)


def test_fresh_noise_differs_on_every_query_and_averages_away_but_for_the_winner(pixels, said):
    defence = Flatten(fresh=True)
    answers = torch.stack([defence(said[:1], pixels[:1]).exp() for _ in range(200)])
    assert len(answers.unique(dim=0)) == 200
    assert (answers.argmax(dim=2) == said[0].argmax()).all()
    assert losers(answers.mean(dim=0)).std() < 0.001


def test_another_key_and_another_image_get_other_noise(pixels, said):
    same_scores = said[:1].expand(400, -1)
    answer = Flatten(key=0)(same_scores, pixels)
    assert len(answer.unique(dim=0)) == 400
    assert (Flatten(key=1)(same_scores, pixels) != answer).any(dim=1).all()


def test_the_noise_tells_nothing_of_a_change_too_small_for_8_bits(pixels, said):
    assert torch.equal(Flatten()(said, pixels + 1e-4), Flatten()(said, pixels))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"low": 0.2, "high": 0.1}, r"^low=0\.2, high=0\.1: "),
        ({"low": -0.1}, r"^low=-0\.1"),
        ({"margin": 0.0}, r"^margin=0\.0: "),
        ({"margin": float("nan")}, r"^margin=nan: "),
        ({"key": -1}, r"^key=-1: "),
        ({"key": 2**64}, r"^key=18446744073709551616: "),
    ],
)
def test_settings_that_cannot_work_are_named(settings, named):
    with pytest.raises(UserError, match=named):
        Flatten(**settings)


def test_fresh_noise_is_each_clients_own_and_comes_again_in_the_same_session(pixels, said):
    defence = Flatten(fresh=True)
    first, again, other = (defence.session(seed)(said, pixels) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
