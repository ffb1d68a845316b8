"""Surrogates: the copies that a model extraction attack trains, all of a run at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from privattack.checks import Length, Positive, checked
from privattack.data.images import Shape
from privattack.data.modules import QueryDataModule
from privattack.errors import UserError
from privattack.models.architecture import asked_for
from privattack.models.devices import device_of
from privattack.models.fitting import Batches, Training, bar, fit
from privattack.models.lightning_modules import SurrogateModule, make_trainer
from privattack.models.normalised import Normalised
from privattack.models.stacking import stack
from privattack.randomness import derive

Loss = Callable[[Float[Tensor, "e n classes"], Float[Tensor, "e n classes"]], Float[Tensor, " e"]]


def squared_error(
    surrogate: Float[Tensor, "e n classes"], answers: Float[Tensor, "e n classes"]
) -> Float[Tensor, " e"]:
    """Return the mean squared difference of log-probabilities: the original study's loss."""
    return (surrogate - answers).square().mean(dim=(1, 2))


def kl_divergence(
    surrogate: Float[Tensor, "e n classes"], answers: Float[Tensor, "e n classes"]
) -> Float[Tensor, " e"]:
    """Return the mean KL(answer || surrogate), in nats (Hinton et al. 2015 at temperature 1)."""
    return F.kl_div(surrogate, answers, reduction="none", log_target=True).sum(dim=2).mean(dim=1)


def cross_entropy(
    surrogate: Float[Tensor, "e n classes"], answers: Float[Tensor, "e n classes"]
) -> Float[Tensor, " e"]:
    """Return the mean negative log-probability of the answers' winning class, in nats."""
    return -surrogate.gather(2, answers.argmax(dim=2, keepdim=True)).mean(dim=(1, 2))


@dataclass(frozen=True)
class Lesson:
    """What one attacker teaches its surrogates, one per repetition.

    Attributes:
        name: names the attacker in curves.
        answers: log-probabilities to learn, per repetition and query.
        loss: maps surrogates' and answers' log-probabilities `(e, n, classes)` to a loss per surrogate.
    """

    name: str
    answers: Float[Tensor, "repetitions n classes"]
    loss: Loss


class Students(nn.Module):
    """Surrogates in training, side by side, and what each of them is taught.

    Args:
        networks: one per surrogate, attacker by attacker: `lessons x repetitions`.
        lr: Adam's learning rate.

    Attributes:
        history: a row per epoch, each lesson's loss averaged over repetitions.
        final_losses: the last epoch's losses, `(lessons, repetitions, batches)`.
    """

    def __init__(self, networks: Sequence[nn.Module], lessons: Sequence[Lesson], *, lr: float) -> None:
        super().__init__()
        self.network = stack(networks)
        self.lessons = lessons
        self.lr = lr
        self.history: list[dict[str, float]] = []
        self.final_losses = torch.empty(0)

    def forward(self, images: Float[Tensor, "e n c h w"]) -> Float[Tensor, "e n classes"]:
        return F.log_softmax(self.network(images), dim=2)

    def optimiser(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return Adam: it works element by element, so that no surrogate's weights depend on another's."""
        return torch.optim.Adam(parameters, lr=self.lr, fused=True)

    def losses(self, images: Float[Tensor, "e n c h w"], answers: Float[Tensor, "e m classes"]) -> Float[Tensor, " e"]:
        """Return each surrogate's loss on a mini-batch: here of normalised images, of which each has an answer."""
        inner = self.network.network if isinstance(self.network, Normalised) else self.network
        return self.lesson_losses(F.log_softmax(inner(images), dim=2), answers)

    def lesson_losses(
        self, surrogates: Float[Tensor, "e n classes"], answers: Float[Tensor, "e n classes"]
    ) -> Float[Tensor, " e"]:
        """Return each surrogate's loss by its lesson, from its log-probabilities and the answers to learn."""
        repetitions = len(self.lessons[0].answers)
        parts = zip(self.lessons, surrogates.split(repetitions), answers.split(repetitions), strict=True)
        return torch.cat([lesson.loss(surrogate, answer) for lesson, surrogate, answer in parts])

    def note(self, losses: Float[Tensor, "e steps"]) -> None:
        """Put an epoch's losses into the history.

        Raises:
            UserError: they are not finite.
        """
        epoch = len(self.history)
        self.final_losses = losses.cpu().unflatten(0, (len(self.lessons), -1))
        if not self.final_losses.isfinite().all():
            raise UserError(
                f"surrogate.lr={self.lr}: the surrogates' loss is not finite in epoch {epoch}; "
                "use a smaller surrogate.lr."
            )
        means = self.final_losses.mean(dim=(1, 2)).tolist()
        row = {f"{lesson.name}_loss": mean for lesson, mean in zip(self.lessons, means, strict=True)}
        self.history.append({"epoch": float(epoch), **row})


@checked
class SurrogateTrainer:
    """How surrogates are trained; the settings of the `surrogate` group.

    Args:
        network: builds a network from normalised images `(n, c, h, w)` to logits, given `classes` or `num_classes`, and
            `shape` if it takes it.
        mean, std: of the channels of the data, by which images are normalised.
        epochs, lr, batch_size: Adam's training.
        accelerator: where to train: `cpu`, `gpu` or `auto`.
        progress: whether to show a progress bar meanwhile.
        lightning: whether Lightning's Trainer trains them: to the same weights, slower.
    """

    def __init__(
        self,
        *,
        network: Callable[..., nn.Module],
        mean: Sequence[float],
        std: Sequence[float],
        epochs: Length,
        lr: Positive,
        batch_size: Length,
        accelerator: Literal["cpu", "gpu", "auto"] = "cpu",
        progress: bool = False,
        lightning: bool = False,
    ) -> None:
        self.network = network
        self.mean = mean
        self.std = std
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.accelerator = accelerator
        self.progress = progress
        self.lightning = lightning

    def train(
        self,
        pixels: Float[Tensor, "pool c h w"],
        queries: Int64[Tensor, "repetitions n"],
        lessons: Sequence[Lesson],
        *,
        seeds: Sequence[int],
    ) -> "Surrogates":
        """Train a surrogate for each lesson and repetition.

        Args:
            pixels: the attacker's images, in [0, 1].
            queries: which of them each repetition learns from.
            lessons: what is to be learnt about them, attacker by attacker.
            seeds: one per repetition: decides initial weights and batch order, alike for all lessons.
        """
        device = device_of(self.accelerator)
        channels, height, width = pixels.shape[1:]
        networks = [
            self.build((channels, height, width), lesson.answers.shape[2], seed=derive(seed, "init"))
            for lesson in lessons
            for seed in seeds
        ]
        students = self.students(networks, lessons).to(device)
        what = f"Training {len(networks)} surrogate{'s' if len(networks) > 1 else ''}"
        watched = bar(what, self.epochs, self.progress)
        with torch.random.fork_rng():
            torch.manual_seed(derive(seeds[0], "surrogate.dropout"))
            if self.lightning:
                trainer = make_trainer(device, epochs=self.epochs, progress=self.progress)
                trainer.fit(SurrogateModule(students), self.data(pixels, queries, lessons, seeds=seeds))
            else:
                fit(
                    Training(students, students.optimiser),
                    self.batches(pixels.to(device), queries, lessons, seeds=seeds),
                    students.losses,
                    epochs=self.epochs,
                    after_epoch=[
                        lambda training: students.note(training.losses),
                        *watched,
                    ],
                )
        return Surrogates(students.to(device).eval(), len(seeds), device)

    def students(self, networks: Sequence[nn.Module], lessons: Sequence[Lesson]) -> Students:
        """Return the networks side by side, with what they are taught."""
        return Students(networks, lessons, lr=self.lr)

    def batches(
        self,
        pixels: Float[Tensor, "pool c h w"],
        queries: Int64[Tensor, "repetitions n"],
        lessons: Sequence[Lesson],
        *,
        seeds: Sequence[int],
    ) -> Batches:
        """Return what goes through an epoch's mini-batches, on the device on which `pixels` lie."""
        module = self.data(pixels, queries, lessons, seeds=seeds)
        module.setup("fit")

        def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
            places = module.order(epoch).to(pixels.device).split(self.batch_size, dim=1)
            return map(module.queries.__getitem__, places)

        return batches

    def data(
        self,
        pixels: Float[Tensor, "pool c h w"],
        queries: Int64[Tensor, "repetitions n"],
        lessons: Sequence[Lesson],
        *,
        seeds: Sequence[int],
    ) -> QueryDataModule:
        """Return what the networks learn from, in the order of `students`'."""
        # Once: a pool is gone through in every epoch, by every surrogate.
        images = Normalised(nn.Identity(), self.mean, self.std).to(pixels.device).normalised(pixels)
        return QueryDataModule(
            images,
            queries.repeat(len(lessons), 1),
            torch.cat([lesson.answers for lesson in lessons]),
            seeds=[*seeds] * len(lessons),
            batch_size=self.batch_size,
        )

    def build(self, shape: Shape, classes: int, *, seed: int) -> Normalised:
        """Return an untrained surrogate for images of a shape, from pixels in [0, 1] to logits."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return Normalised(self.network(**asked_for(self.network, shape, classes)), self.mean, self.std)


class Surrogates:
    """Trained surrogates: lessons x repetitions.

    Attributes:
        history: a row per epoch, each lesson's loss averaged over repetitions.
        final_losses: the last epoch's losses, `(lessons, repetitions, batches)`.
    """

    def __init__(self, students: Students, repetitions: int, device: torch.device) -> None:
        self._students = students
        self._repetitions = repetitions
        self._device = device
        self.history = students.history
        self.final_losses = students.final_losses

    @torch.inference_mode()
    def predict(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "lessons repetitions n classes"]:
        """Return log-probabilities of every surrogate for every image.

        Raises:
            UserError: they are not finite.
        """
        e = self._repetitions * len(self._students.lessons)
        # Every surrogate gets its own copy of a batch, and a processor's cache holds what 256 images become.
        size = 256 if self._device.type == "cpu" else 4_096 // e
        batches = pixels.to(self._device).split(max(64, size))
        answers = [self._students(batch.unsqueeze(0).expand(e, -1, -1, -1, -1)) for batch in batches]
        log_probabilities = torch.cat(answers, dim=1).cpu()
        if not log_probabilities.isfinite().all():
            raise UserError(
                f"surrogate.lr={self._students.lr}: the surrogates' answers are not finite; use a smaller surrogate.lr."
            )
        return log_probabilities.unflatten(0, (-1, self._repetitions))

    def __call__(
        self, images: Float[Tensor, "lessons repetitions n c h w"]
    ) -> Float[Tensor, "lessons repetitions n classes"]:
        """Return each surrogate's log-probabilities for images of its own, pixels in [0, 1].

        Gradients flow back to the images, which is what adversarial examples are made by.
        """
        answers = self._students(images.flatten(0, 1).to(self._device))
        return answers.unflatten(0, images.shape[:2])

    def model(self, lesson: int, repetition: int) -> Callable[[Tensor], Tensor]:
        """Return one surrogate: pixels in [0, 1], `(n, c, h, w)`, to log-probabilities `(n, classes)`."""
        return lambda pixels: self.predict(pixels)[lesson, repetition]
