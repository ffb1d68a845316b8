"""Restoring what a defence distorted (Chen et al. 2023, "D-DAE: defense-penetrating model extraction attacks")."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from privattack.attacks.extraction.learning.base import Learner, Transcript
from privattack.checks import Count, Length, checked
from privattack.models.surrogate import Lesson, cross_entropy
from privattack.randomness import derive, generator

BATCH, LR = 64, 1e-3
LEAST = 1e-9  # of a restored probability


@checked
class Restorer(Learner):
    """Learns to turn defended answers into true ones on shadow models of the attackers' own.

    A shadow model learns the winners of half of the responses. What it says of images that it has not learnt goes
    through the imitation of the defence; a network C-128-64-C with batch norms learns the way back by the L1 distance,
    and restores the responses.

    Args:
        images: how many of the shadow model's answers teach it, at most.
        epochs: of its training.
    """

    def __init__(self, *, images: Count = 5_000, epochs: Length = 20) -> None:
        self.images = images
        self.epochs = epochs

    def answers(self, transcript: Transcript) -> Float[Tensor, "repetitions n classes"]:
        """Return the responses, restored; see the base class."""
        seeds = [derive(seed, "restorer") for seed in transcript.seeds]
        repetitions, n = transcript.responses.shape[:2]
        half = torch.stack([torch.randperm(n, generator=generator(seed, "half")) for seed in seeds])[:, : -(-n // 2)]
        rows = torch.arange(repetitions).unsqueeze(1)
        shadows = transcript.surrogates.train(
            transcript.images.flatten(0, 1),
            half + n * rows,
            [Lesson("shadow", transcript.responses[rows, half], cross_entropy)],
            seeds=seeds,
        )
        restored = []
        for number, (seed, learnt) in enumerate(zip(seeds, half, strict=True)):
            unlearnt = torch.ones(n, dtype=torch.bool).index_fill(0, learnt, False)
            owned = transcript.pool.images
            some = torch.randperm(len(owned), generator=generator(seed, "pool"))[: self.images]
            images = torch.cat([transcript.images[number][unlearnt], owned.take(some).pixels()])[: self.images]
            said = shadows.predict(images)[0, number]
            defended = transcript.imitation.session(seed)(said, images)
            network = self._trained(defended.exp(), said.exp(), seed)
            with torch.no_grad():
                restored.append(network(transcript.responses[number].exp()).clamp(min=LEAST).log())
        return torch.stack(restored)

    def _trained(self, defended: Float[Tensor, "n classes"], said: Float[Tensor, "n classes"], seed: int) -> nn.Module:
        classes = said.shape[1]
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "init"))
            network = nn.Sequential(
                nn.Linear(classes, 128), nn.BatchNorm1d(128), nn.ReLU(),
                nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(),
                nn.Linear(64, classes), nn.Softmax(dim=1),
            )  # fmt: skip
        optimiser = torch.optim.Adam(network.parameters(), lr=LR)
        order = generator(seed, "order")
        for _ in range(self.epochs):
            for batch in torch.randperm(len(said), generator=order).split(BATCH):
                if len(batch) == 1:  # a batch norm has nothing to normalise
                    continue
                optimiser.zero_grad()
                (network(defended[batch]) - said[batch]).abs().sum(dim=1).mean().backward()
                optimiser.step()
        return network.eval()
