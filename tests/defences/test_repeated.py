"""Answers to repeated questions are averaged, as probabilities, and only fresh noise goes away by it."""

import torch

from privattack.defences.noise import Noise
from privattack.defences.repeated import Repeated

SAID = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]).log()
PIXELS = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_it_is_the_mean_of_what_one_session_answers():
    noise = Noise(scale=0.2, fresh=True)
    session = noise.session(3)
    expected = torch.stack([session(SAID, PIXELS).exp() for _ in range(4)]).mean(dim=0)
    torch.testing.assert_close(Repeated(noise, repeats=4).session(3)(SAID, PIXELS).exp(), expected)


def test_fresh_noise_averages_away_and_noise_that_follows_from_the_image_does_not():
    def error(*, fresh: bool, repeats: int) -> float:
        answer = Repeated(Noise(scale=0.1, fresh=fresh, keep_label=False), repeats=repeats).session(0)(SAID, PIXELS)
        return float((answer.exp() - SAID.exp()).abs().mean())

    assert error(fresh=True, repeats=200) < error(fresh=True, repeats=1) / 3
    assert error(fresh=False, repeats=200) > error(fresh=False, repeats=1) * 0.99
