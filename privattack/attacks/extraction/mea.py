"""The original study's model extraction attack, and two attackers beside it.

The published recipe asks about random images once, and trains a surrogate by squared error on the
log-probabilities of the answers. A loss mismatch is not a defence: where an answer is only a label, the
adaptive attacker trains by cross-entropy, and where it is scores, by KL divergence.
"""

from collections.abc import Sequence

import torch

from privattack.attacks.extraction.base import Extraction, ExtractionAttack
from privattack.attacks.knowledge import Knowledge, chosen
from privattack.data.images import LabelledImages
from privattack.defences.base import Reveals
from privattack.models.surrogate import Lesson, SurrogateTrainer, cross_entropy, kl_divergence, squared_error
from privattack.randomness import generator
from privattack.service import Service


class ModelExtraction(ExtractionAttack):
    """Random queries from the pool, asked once.

    Args:
        surrogates: how surrogates are trained.
        attackers: which of `published`, `adaptive` and `no_query` learn from the answers. `no_query` trains on
            the same images with the attacker's own labels, and shows what the service gave away.
    """

    def __init__(
        self,
        *,
        surrogates: SurrogateTrainer,
        attackers: Sequence[str] = ("published", "adaptive", "no_query"),
    ) -> None:
        self.surrogates = surrogates
        self.attackers = chosen(attackers, [Knowledge.PUBLISHED, Knowledge.ADAPTIVE, Knowledge.NO_QUERY])

    def run(self, services: Sequence[Service], pool: LabelledImages, *, seeds: Sequence[int]) -> Extraction:
        """Run the attack; see the base class.

        The queries are the start of one permutation per seed: those of a small budget are the first of
        those of a larger one.
        """
        pixels = pool.pixels()
        queries = torch.stack(
            [
                torch.randperm(len(pool), generator=generator(seed, "queries"))[: service.budget]
                for service, seed in zip(services, seeds, strict=True)
            ]
        )
        answers = torch.stack([service.query(pixels[asked]) for service, asked in zip(services, queries, strict=True)])
        adaptive_loss = kl_divergence if services[0].reveals is Reveals.SCORES else cross_entropy
        own_labels = torch.nn.functional.one_hot(pool.labels[queries], answers.shape[2])
        lessons = {
            Knowledge.PUBLISHED: Lesson("published", answers, squared_error),
            Knowledge.ADAPTIVE: Lesson("adaptive", answers, adaptive_loss),
            Knowledge.NO_QUERY: Lesson("no_query", own_labels.to(answers.dtype).log(), cross_entropy),
        }
        taught = [lessons[attacker] for attacker in self.attackers]
        trained = self.surrogates.train(pixels, queries, taught, seeds=seeds)
        return Extraction([(attacker.value, attacker) for attacker in self.attackers], trained, queries)
