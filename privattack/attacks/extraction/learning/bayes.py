"""What was probably said, given what was answered (the Bayes attack of Tang et al. 2024, "ModelGuard")."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from privattack.attacks.extraction.learning.base import Learner, Transcript
from privattack.checks import Count, Positive, checked
from privattack.randomness import derive

LEAST = 1e-9  # of a probability


@checked
class Bayes(Learner):
    """Looks responses up in a table of distributions and of what the imitation of the defence makes of them.

    Half of the distributions are Dirichlet draws around the responses. The other half are draws that know nothing, most
    of them sure of a class, as targets are, some hardly and some to nine digits. Each is answered for the image of a
    response. What is learnt is the mean of those with the response's winner whose defended form lies within
    `tolerance` of it, or no farther than the nearest.

    Args:
        pairs: in the table of each repetition.
        concentration: of the draws around a response; the authors' is 10 for 10 classes.
        tolerance: an L1 distance.
    """

    def __init__(self, *, pairs: Count = 10_000, concentration: Positive = 10.0, tolerance: Positive = 0.01) -> None:
        self.pairs = pairs
        self.concentration = concentration
        self.tolerance = tolerance

    def answers(self, transcript: Transcript) -> Float[Tensor, "repetitions n classes"]:
        """Return the mean of what may have been said; see the base class."""
        return torch.stack([self._means(transcript, number) for number in range(len(transcript.seeds))])

    def _means(self, transcript: Transcript, number: int) -> Float[Tensor, "n classes"]:
        seed = derive(transcript.seeds[number], "bayes")
        random = np.random.default_rng(seed)
        responses, images = transcript.responses[number].exp(), transcript.images[number]
        around = torch.from_numpy(random.integers(len(responses), size=self.pairs))
        alphas = self.concentration * responses[around].double() + 1e-3
        alphas[::2] = torch.from_numpy(10 ** random.uniform(-2, 0, (len(alphas[::2]), 1))) / responses.shape[1]
        draws = torch.from_numpy(random.standard_gamma(alphas.numpy())).clamp(min=LEAST)
        said = (draws / draws.sum(dim=1, keepdim=True)).to(responses)
        defended = transcript.imitation.session(seed)(said.log(), images[around]).exp()
        means = responses.clone()
        winners, theirs = responses.argmax(dim=1), said.argmax(dim=1)
        for winner in winners.unique().tolist():
            rows, known = (winners == winner).nonzero().flatten(), (theirs == winner).nonzero().flatten()
            if len(known) == 0:
                continue
            away = torch.cdist(responses[rows], defended[known], p=1)
            near = (away <= away.amin(dim=1, keepdim=True).clamp(min=self.tolerance)).to(said)
            means[rows] = near @ said[known] / near.sum(dim=1, keepdim=True)
        return means.clamp(min=LEAST).log()
