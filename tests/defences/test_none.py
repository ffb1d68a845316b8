import torch

from privattack.defences.base import Reveals
from privattack.defences.none import NoDefence


def test_the_open_service_says_exactly_what_the_target_says(make_images):
    log_probabilities = torch.randn(20, 10).log_softmax(dim=1)
    assert torch.equal(NoDefence()(log_probabilities, make_images(20).pixels()), log_probabilities)
    assert NoDefence.reveals is Reveals.SCORES
