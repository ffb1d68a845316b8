"""DP-SGD (Abadi et al. 2016, "Deep learning with differential privacy", algorithm 1)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD, Optimizer

from privattack.checks import Positive, checked
from privattack.data.images import LabelledImages
from privattack.errors import SettingError, UserError
from privattack.models.accountants import Accountant, Privacy, epsilon_of, noise_for
from privattack.models.checkpoints import Checkpoint
from privattack.models.fitting import Training
from privattack.models.per_example import Gradients, PerExample
from privattack.models.recipes import Supervised
from privattack.randomness import generator


@checked
@dataclass(frozen=True, kw_only=True)
class DpSgd(Supervised):
    """Clips each image's gradient, adds Gaussian noise to their sum, and lets an optimiser (SGD by default) step by it.

    Every image is in the batch of a step with the same probability, independently (Poisson sampling): `batch_size` is
    the mean, by which the sum is divided. An epoch has as many steps as it takes such batches to see every image once.
    Sampling and noise follow from the seed and the epoch, so that a killed training ends as if it had not been; they
    come from PyTorch's generator, which is none of cryptography's. Augmented images would be more than one of an
    image's: `flips` and `crop` are refused.

    Attributes:
        epsilon: what is to be proved; the noise is found. Or
        noise_multiplier: the noise's standard deviation over `clip`, and epsilon is found; 0 proves nothing.
        delta: with which probability more than epsilon may be revealed; below one over the number of images.
        clip: the largest L2 norm of an image's gradient.
        accountant: `prv` or `rdp`, which proves less.
    """

    VERSION = 1

    epsilon: Positive | None = None
    noise_multiplier: Annotated[float, Field(ge=0, le=1_000)] | None = None
    delta: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    clip: Positive = 1.0
    accountant: Accountant = "prv"

    def __post_init__(self) -> None:
        settings = {"epsilon": self.epsilon, "noise_multiplier": self.noise_multiplier}
        if (self.epsilon is None) == (self.noise_multiplier is None):
            raise SettingError(settings, "need a number for one of them, and null for the other")
        if self.flips or self.crop:
            raise SettingError(
                {"flips": self.flips, "crop": self.crop}, "need false and 0: DP-SGD trains on images as they are"
            )
        if self.precision != "float32":
            raise SettingError(
                {"precision": self.precision}, "needs float32: what is rounded may exceed the norm it is clipped to"
            )
        if self.levers:
            raise SettingError({"levers": self.levers}, "DP-SGD has none; set trainer.levers=[]")

    def optimised(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Return an optimiser of these parameters; SGD by default."""
        return (self.optimizer or SGD)(parameters, lr=self.lr)

    def privacy(self, images: int) -> Privacy:
        """Return what is proved of each of so many images; see the base class."""
        steps = self._steps(images)
        rate = 1 / steps
        if self.delta >= 1 / images:
            raise UserError(
                f"defence.training.delta={self.delta:g}: a delta of 1/{images} or more holds of a training that "
                f"publishes one of its {images} images, too; use less."
            )
        how = (rate, self.epochs * steps, self.delta, self.accountant)
        noise = self.noise_multiplier
        if noise is None:
            assert self.epsilon is not None
            noise = noise_for(self.epsilon, *how)
        return Privacy(
            epsilon=epsilon_of(noise, *how),
            delta=self.delta,
            accountant=self.accountant,
            noise_multiplier=noise,
            clip=self.clip,
            sample_rate=rate,
            steps=self.epochs * steps,
        )

    def fit(
        self,
        networks: Sequence[nn.Module],
        pool: LabelledImages,
        members: Int64[Tensor, "e m"],
        *,
        seeds: Sequence[int],
        device: torch.device,
        after_epoch: Sequence[Callable[[Training], None]] = (),
        checkpoint: Checkpoint | None = None,
    ) -> list[dict[str, float]]:
        """Train networks; see the base class.

        Raises:
            UserError: the network mixes the images of a batch, so that no gradient is an image's own.
        """
        for part in networks[0].modules():
            if isinstance(part, _BatchNorm):
                raise UserError(
                    f"target.network: has {type(part).__name__}, which mixes the images of a batch, and DP-SGD bounds "
                    "what each of them changes; use a network with GroupNorm, or without."
                )
        count = members.shape[1]
        privacy, expected = self.privacy(count), count / self._steps(count)
        images, labels, members = pool.images.to(device), pool.labels.to(device), members.to(device)
        network = PerExample([network.to(device) for network in networks], self.losses)
        training = Training(network, self.optimised, self.scheduled)
        noises: list[torch.Generator] = []

        def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
            sampling = [generator(seed, "dp_sgd.sampling", epoch) for seed in seeds]
            noises[:] = [generator(seed, "dp_sgd.noise", epoch) for seed in seeds]
            for _ in range(self._steps(count)):
                drawn = torch.stack([torch.rand(count, generator=stream) for stream in sampling]) < privacy.sample_rate
                chosen, present = _packed(drawn)
                places = members.gather(1, chosen.to(device))
                batch = LabelledImages(images.index_select(0, places.flatten()), labels[places.flatten()])
                known = batch.labels.view(places.shape).where(present.to(device), -1)
                yield batch.pixels().unflatten(0, places.shape), known

        def answered(pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
            totals, logits = self.summed(network, pixels, labels)
            noisy = self.noised(totals, privacy.noise_multiplier, noises)
            # A loss whose gradient is this one: so the loop by which everything is trained takes a step by it.
            parts = [(weight * noisy[name] / expected).flatten(1).sum(dim=1) for name, weight in network.named()]
            return torch.stack(parts).sum(dim=0), logits

        def copy(training: Training) -> None:
            network.copy_to(networks)

        self._train(
            training, batches, answered,
            seeds=seeds, device=device, after_epoch=[copy, *after_epoch], checkpoint=checkpoint,
        )  # fmt: skip
        network.copy_to(networks)  # no epoch was left, where a training was killed after the last
        return training.history

    def summed(
        self, network: PerExample, pixels: Float[Tensor, "e b c h w"], labels: Int64[Tensor, "e b"]
    ) -> tuple[Gradients, Float[Tensor, "e b classes"]]:
        """Return the sum of the images' clipped gradients, and their logits; those with a label below 0 are none."""
        return network.summed(pixels, labels, clip=self.clip)

    def noised(self, totals: Gradients, noise_multiplier: float, streams: Sequence[torch.Generator]) -> Gradients:
        """Return sums of gradients with noise of the standard deviation `noise_multiplier * clip` in every number."""
        deviation = noise_multiplier * self.clip
        return {name: total + deviation * _normal(total, streams) for name, total in totals.items()}

    def _steps(self, images: int) -> int:
        """Return how many steps an epoch has."""
        return -(-images // self.batch_size)


def _normal(like: Tensor, streams: Sequence[torch.Generator]) -> Tensor:
    """Return standard normal numbers, for each network from a stream of its own, and the same on every device."""
    return torch.stack([torch.randn(like.shape[1:], generator=stream) for stream in streams]).to(like)


def _packed(drawn: Bool[Tensor, "e m"]) -> tuple[Int64[Tensor, "e b"], Bool[Tensor, "e b"]]:
    """Return the places that were drawn, the largest batch wide, and which of them are; at least one wide."""
    widest = max(1, int(drawn.sum(dim=1).max()))
    places = drawn.int().argsort(dim=1, descending=True, stable=True)[:, :widest]
    return places, drawn.gather(1, places)
