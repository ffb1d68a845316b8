"""FixMatch (Sohn et al. 2020, arXiv:2001.07685): surrogates that learn from answers, and from images without any."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from privattack.data.augmentation import distorted, pad, shifted
from privattack.models.surrogate import Lesson, Students, SurrogateTrainer
from privattack.randomness import generator


class FixMatchStudents(Students):
    """Surrogates side by side; what each is sure of in an image, it learns for the same image distorted.

    Args:
        threshold: the least probability of a class that is learnt without an answer.
        weight: of the loss on images without an answer.
    """

    def __init__(
        self, networks: Sequence[nn.Module], lessons: Sequence[Lesson], *, lr: float, threshold: float, weight: float
    ) -> None:
        super().__init__(networks, lessons, lr=lr)
        self.threshold = threshold
        self.weight = weight

    def losses(self, images: Float[Tensor, "e n c h w"], answers: Float[Tensor, "e m classes"]) -> Float[Tensor, " e"]:
        """Return each surrogate's loss (algorithm 1).

        Args:
            images: m with an answer, then u without one, distorted, then the same u, only shifted.
            answers: log-probabilities.
        """
        learnt = (images.shape[1] + answers.shape[1]) // 2
        log_probabilities = self(images[:, :learnt])
        with torch.no_grad():
            sureness, classes = self(images[:, learnt:]).max(dim=2)
        known, distorted = log_probabilities.tensor_split([answers.shape[1]], dim=1)
        unlikeliness = -distorted.gather(2, classes.unsqueeze(2)).squeeze(2)
        sure = sureness.exp() >= self.threshold
        return self.lesson_losses(known, answers) + self.weight * (unlikeliness * sure).mean(dim=1)


class FixMatchBatches:
    """Mini-batches of images with an answer and of images without, as `FixMatchStudents` learn them.

    Surrogates of one repetition see the same images in the same distortions, whatever their lesson and whichever
    repetitions there are beside.

    Args:
        pixels: images in [0, 1]; where they lie, mini-batches will.
        queries: which of them each repetition knows the answer of; gone through in random order, again and again.
        lessons: with one answer per query.
        unlabelled: drawn at random with replacement, `mu` times as many as there are with an answer.
        seeds: one per repetition.
        steps: mini-batches of an epoch.
        batch_size: images with an answer in a mini-batch.
    """

    def __init__(
        self,
        pixels: Float[Tensor, "n c h w"],
        queries: Int64[Tensor, "repetitions q"],
        lessons: Sequence[Lesson],
        unlabelled: UInt8[Tensor, "pool c h w"],
        *,
        seeds: Sequence[int],
        steps: int,
        mu: int,
        batch_size: int,
    ) -> None:
        self.images = pad(pixels)
        self.queries = queries.to(pixels.device)
        self.answers = torch.stack([lesson.answers for lesson in lessons]).to(pixels.device)
        self.unlabelled = unlabelled.to(pixels.device)
        self.padded = pad(self.unlabelled)
        self.seeds = seeds
        self.steps = steps
        self.mu = mu
        self.batch_size = batch_size

    def __call__(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        drawn = [self._draw(generator(seed, "fixmatch", epoch)) for seed in self.seeds]
        parts = [torch.stack(part, dim=1).to(self.queries.device) for part in zip(*drawn, strict=True)]
        return (self._gather(*step) for step in zip(*parts, strict=True))

    def _draw(self, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw one repetition's epoch: a row per step of queries, unlabelled images, shifts and distortions."""
        n, needed = self.queries.shape[1], self.steps * self.batch_size
        passes = [torch.randperm(n, generator=random) for _ in range(-(-needed // n))]
        known = torch.cat(passes)[:needed].view(self.steps, self.batch_size)
        unknown = torch.randint(len(self.unlabelled), (self.steps, self.mu * self.batch_size), generator=random)
        shifts = torch.rand(self.steps, (1 + self.mu) * self.batch_size, 2, generator=random)
        distortions = torch.rand(self.steps, self.mu * self.batch_size, 3, generator=random)
        return known, unknown, shifts, distortions

    def _gather(
        self,
        known: Int64[Tensor, "repetitions m"],
        unknown: Int64[Tensor, "repetitions u"],
        shifts: Float[Tensor, "repetitions m+u 2"],
        distortions: Float[Tensor, "repetitions u 3"],
    ) -> tuple[Float[Tensor, "e n c h w"], Float[Tensor, "e m classes"]]:
        repetitions, m = known.shape
        of_known, of_unknown = (part.flatten(0, 1) for part in shifts.tensor_split([m], dim=1))
        places = unknown.flatten()
        parts = (
            shifted(self.images, self.queries.gather(1, known).flatten(), of_known),
            distorted(self.unlabelled.index_select(0, places).float().div_(255.0), distortions.flatten(0, 1)),
            shifted(self.padded, places, of_unknown).float().div_(255.0),
        )
        images = torch.cat([part.unflatten(0, (repetitions, -1)) for part in parts], dim=1)
        answers = self.answers[:, torch.arange(repetitions, device=known.device).unsqueeze(1), known]
        return images.repeat(len(self.answers), 1, 1, 1, 1), answers.flatten(0, 1)


class FixMatchTrainer(SurrogateTrainer):
    """Trains surrogates by FixMatch; weights and optimiser are those of supervised surrogates of the same seed.

    Args:
        supervised: how surrogates are trained otherwise.
        unlabelled: images without an answer, bytes.
        mu: how many of them a step learns for each with an answer.
        steps: of an epoch; more where one pass over the queries needs more.
        threshold, weight: see `FixMatchStudents`.
    """

    def __init__(
        self,
        supervised: SurrogateTrainer,
        unlabelled: UInt8[Tensor, "pool c h w"],
        *,
        mu: int,
        steps: int,
        threshold: float,
        weight: float,
    ) -> None:
        # It keeps its settings and nothing else; Lightning knows no mini-batches of two kinds.
        super().__init__(**vars(supervised) | {"lightning": False})
        self.unlabelled = unlabelled
        self.mu = mu
        self.steps = steps
        self.threshold = threshold
        self.weight = weight

    def students(self, networks: Sequence[nn.Module], lessons: Sequence[Lesson]) -> FixMatchStudents:
        """Return the networks side by side; see the base class."""
        return FixMatchStudents(networks, lessons, lr=self.lr, threshold=self.threshold, weight=self.weight)

    def batches(
        self,
        pixels: Float[Tensor, "n c h w"],
        queries: Int64[Tensor, "repetitions q"],
        lessons: Sequence[Lesson],
        *,
        seeds: Sequence[int],
    ) -> FixMatchBatches:
        """Return images with an answer and without; see the base class."""
        return FixMatchBatches(
            pixels,
            queries,
            lessons,
            self.unlabelled,
            seeds=seeds,
            steps=max(self.steps, -(-queries.shape[1] // self.batch_size)),
            mu=self.mu,
            batch_size=self.batch_size,
        )
