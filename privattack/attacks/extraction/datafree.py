"""Data-free model extraction (DFME; Truong et al. 2021): a generator makes every image, and no pool is needed.

The generator learns to make images on which a student and the service disagree, and the student to agree with the
service on them. The paper spends 2 million queries on SVHN and 20 million on CIFAR-10. 6,000 are 14 steps of the
generator and 65 of the student with the default settings: too few for the generator to learn much, so that what an
attack of this size shows is how far answers about smooth noise go.
"""

import math
from collections.abc import Generator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from privattack.attacks.extraction.base import NONE, Asked, Batch, ExtractionAttack, Means
from privattack.attacks.knowledge import Querying
from privattack.checks import Few, Positive, checked
from privattack.data.images import Shape
from privattack.data.query_pool import QueryPool
from privattack.defences.base import Reveals
from privattack.models.stacking import stack
from privattack.models.surrogate import Loss, cross_entropy
from privattack.randomness import derive, generator

Game = Generator[Float[Tensor, "repetitions n c h w"], Float[Tensor, "repetitions n classes"], None]


def centred_absolute_error(
    surrogate: Float[Tensor, "e n classes"], answers: Float[Tensor, "e n classes"]
) -> Float[Tensor, " e"]:
    """Return the mean absolute difference of log-probabilities from which their mean over classes is taken out.

    Log-probabilities are logits up to a constant of each image, which goes with the mean.
    """
    difference = surrogate - answers
    return (difference - difference.mean(dim=2, keepdim=True)).abs().mean(dim=(1, 2))


@checked
class DataFree(ExtractionAttack):
    """Asks about images that a generator makes, which learns from how the service and a student answered the last.

    A generator's step asks about `batch` images and, for each, `directions` others a little beside it: the forward
    differences that stand in for the gradient through the service. A student's step, by Adam at the surrogates'
    learning rate, asks about `batch` images. The student guides the generator and is then forgotten: surrogates learn
    from everything that was asked, as in any attack. Generators and students work on the CPU.

    Where a service reveals only labels, the student learns them by cross-entropy. A label hardly ever changes over a
    forward difference, so that the generator then follows the student's gradient alone.

    Args:
        latent: how many random numbers an image is made of.
        batch: images of a step; the paper's is 256.
        generator_steps, student_steps: how many follow one another.
        generator_lr: the learning rate of the generator's Adam.
        directions: how many random directions a gradient is estimated from; m in the paper.
        epsilon: how far a forward difference goes, in the generator's output before the last tanh.

    Raises:
        UserError: a setting cannot work.
    """

    published_loss = staticmethod(centred_absolute_error)
    _game: Game
    _before: int

    def __init__(
        self,
        *,
        attackers: Querying = ("published", "adaptive"),
        latent: Few = 100,
        batch: Few = 64,
        generator_steps: Few = 1,
        student_steps: Few = 5,
        generator_lr: Positive = 1e-4,
        directions: Few = 1,
        epsilon: Positive = 1e-3,
    ) -> None:
        super().__init__(attackers=attackers)
        self.latent = latent
        self.batch = batch
        self.generator_steps = generator_steps
        self.student_steps = student_steps
        self.generator_lr = generator_lr
        self.directions = directions
        self.epsilon = epsilon

    def check(self, pool: QueryPool, *, budget: int) -> None:
        """Take any budget: every image is made, and the pool is not looked at."""

    def choose(self, asked: Sequence[Asked], means: Means) -> list[Batch]:
        """Return the images of the next step; see the base class."""
        if len(asked[0].images) == 0:
            self._game = self._play(means)
            images = next(self._game)
        else:
            images = self._game.send(torch.stack([one.responses[self._before :] for one in asked]))
        self._before = len(asked[0].images)
        none = torch.full((images.shape[1],), NONE)
        return [Batch(part, none, none) for part in images]

    def _play(self, means: Means) -> Game:
        """Train generators and students; yield the images to ask about, and get the answers to them."""
        shape, classes = means.pool.images.shape, means.pool.classes
        loss: Loss = self.published_loss if means.reveals is Reveals.SCORES else cross_entropy
        generators = [_generator(self.latent, shape, derive(seed, "datafree", "generator")) for seed in means.seeds]
        seeds = [derive(seed, "datafree", "student") for seed in means.seeds]
        students = [means.surrogates.build(shape, classes, seed=seed) for seed in seeds]
        student = stack(students).eval()  # so that dropout draws nothing
        differ = torch.optim.Adam(nn.ModuleList(generators).parameters(), lr=self.generator_lr)
        agree = torch.optim.Adam(student.parameters(), lr=means.surrogates.lr)
        randoms = [generator(seed, "datafree.draws") for seed in means.seeds]

        def generate() -> Float[Tensor, "repetitions batch c h w"]:
            noise = [torch.randn(self.batch, self.latent, generator=random) for random in randoms]
            return torch.stack([network(part) for network, part in zip(generators, noise, strict=True)])

        def disagreement(
            images: Float[Tensor, "repetitions n c h w"], answers: Float[Tensor, "repetitions n classes"]
        ) -> Float[Tensor, "repetitions n"]:
            own = log_softmax(student(images), dim=2)
            # Losses are means over images; with images in the place of surrogates there is one for each.
            each = loss(own.flatten(0, 1).unsqueeze(1), answers.flatten(0, 1).unsqueeze(1))
            return each.unflatten(0, own.shape[:2])

        while True:
            for _ in range(self.generator_steps):
                made = generate()
                directions = torch.stack(
                    [unit_directions(self.directions, self.batch, shape, random) for random in randoms]
                )
                beside = made.detach().unsqueeze(1) + self.epsilon * directions
                images = as_pixels(torch.cat([made.detach().unsqueeze(1), beside], dim=1).flatten(1, 2))
                answers = yield images
                with torch.no_grad():
                    values = disagreement(images, answers).unflatten(1, (-1, self.batch))
                gradient = forward_difference(values[:, 0], values[:, 1:], directions, self.epsilon)
                differ.zero_grad()
                made.backward(-gradient / self.batch)
                differ.step()
            for _ in range(self.student_steps):
                with torch.no_grad():
                    images = as_pixels(generate())
                answers = yield images
                agree.zero_grad()
                disagreement(images, answers).mean(dim=1).sum().backward()
                agree.step()


def image_generator(latent: int, shape: Shape) -> nn.Module:
    """Return a network from `(n, latent)` noise to `(n, c, h, w)` images before their last tanh.

    The paper's generator with fewer channels: two doublings of the resolution, of 7x7 for 28x28, batch norms
    throughout.
    """
    channels, height, width = shape
    first = (16, -(-height // 4), -(-width // 4))
    return nn.Sequential(
        nn.Linear(latent, math.prod(first)),
        nn.Unflatten(1, first),
        nn.BatchNorm2d(16),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(16, 16, kernel_size=3, padding=1),
        nn.BatchNorm2d(16),
        nn.LeakyReLU(0.2),
        nn.Upsample((height, width)),
        nn.Conv2d(16, 8, kernel_size=3, padding=1),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, channels, kernel_size=3, padding=1),
        nn.BatchNorm2d(channels, affine=False),
    )


def as_pixels(made: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
    """Return a generator's images with pixels in [0, 1]."""
    return (made.tanh() + 1) / 2


def unit_directions(
    count: int, batch: int, shape: Shape, random: torch.Generator
) -> Float[Tensor, "count batch c h w"]:
    """Return random directions of length 1 in the space of images."""
    directions = torch.randn(count, batch, *shape, generator=random)
    return directions / directions.flatten(2).norm(dim=2).view(count, batch, 1, 1, 1)


def forward_difference(
    here: Float[Tensor, "e n"],
    beside: Float[Tensor, "e m n"],
    directions: Float[Tensor, "e m n c h w"],
    epsilon: float,
) -> Float[Tensor, "e n c h w"]:
    """Estimate a gradient from values at a point and at `epsilon` from it along each of m unit directions.

    A random direction's share of a gradient is, on average, one by the number of pixels; the estimate makes up for it.
    """
    slopes = (beside - here.unsqueeze(1)) / epsilon
    return directions[0, 0, 0].numel() * (slopes[..., None, None, None] * directions).mean(dim=1)


def _generator(latent: int, shape: Shape, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return image_generator(latent, shape)
