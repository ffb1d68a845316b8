"""How a classifier is trained: targets and shadow models alike."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.optim import ASGD, SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, Optimizer, RAdam, RMSprop, Rprop
from torch.optim.lr_scheduler import LRScheduler, StepLR

from privattack.checks import Border, Length, Positive, PositiveShare
from privattack.data.augmentation import flipped_and_cropped
from privattack.data.images import LabelledImages
from privattack.data.orders import epoch_order
from privattack.errors import UserError
from privattack.models.accountants import Privacy
from privattack.models.architecture import code_of
from privattack.models.checkpoints import Checkpoint
from privattack.models.devices import Precision, products_in
from privattack.models.fitting import Batches, Training, fit
from privattack.models.levers import Lever, compiled
from privattack.models.stacking import SideBySide, Vectorised
from privattack.randomness import derive, generator

# These work element by element, so that a stack of networks takes the steps that each would take alone.
ELEMENTWISE = (Adadelta, Adagrad, Adam, Adamax, AdamW, ASGD, NAdam, RAdam, RMSprop, Rprop, SGD)


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """A way to train a classifier; its fields are part of the address of every model trained by it.

    Attributes:
        VERSION: raised whenever the same settings would give other weights than before, so that a fault once mended
            leaves no model valid that has it.
        lr: the learning rate.
        batch_size: of a mini-batch.
    """

    VERSION: ClassVar[int]

    lr: Positive
    epochs: Length
    batch_size: Length

    @property
    def address(self) -> dict[str, Any]:
        """What of a trained model's address follows from the recipe: what is left at its default moves none."""
        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        told = {
            field.name: _told(settings[field.name]) for field in fields(self) if settings[field.name] != field.default
        }
        return {"class": type(self).__name__, "version": self.VERSION, **told}

    @abstractmethod
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
        """Train `e` networks of one architecture in place, on `device`.

        Args:
            networks: from pixels in [0, 1] to logits; afterwards in eval mode.
            members: which images of the pool each network learns from.
            seeds: one per network.
            after_epoch: called after every epoch, where they may put a row into the history.
            checkpoint: where a training of one network goes on, if it was killed.

        Returns:
            The history.

        Raises:
            RuntimeError: several networks cannot be trained as one.
        """

    def privacy(self, images: int) -> Privacy | None:
        """Return what is proved of the privacy of `images` images that a model learns from; None where nothing is.

        Raises:
            UserError: what the settings ask for cannot be proved, or what proves it is not installed.
        """
        return None

    def check(self, network: nn.Module, *, epoch: int) -> None:
        """Refuse a target whose training came to nothing.

        Raises:
            UserError: its weights are not finite.
        """
        if not all(bool(weight.isfinite().all()) for weight in network.parameters()):
            raise UserError(
                f"target.lr={self.lr}: the target's weights are not finite after epoch {epoch}, "
                "so it cannot be attacked; use a smaller target.lr."
            )


@dataclass(frozen=True, kw_only=True)
class Supervised(Recipe):
    """The original study's by default: Adadelta, a step decay every epoch, NLL on log-softmax.

    Several networks are trained as one whose steps are batched products and grouped convolutions. The optimiser works
    element by element and no loss depends on another's weights, so each network ends with the weights that it
    would have got alone, up to float rounding. (Dropout draws for all of them from one stream: a network with
    dropout depends on how many are trained beside it.)

    Attributes:
        gamma: the factor on the learning rate after each epoch; 1 keeps it constant.
        optimizer: makes another optimiser than Adadelta, of parameters and `lr`.
        scheduler: makes, of an optimiser, what else changes its learning rate after each epoch. It gets `gamma` if it
            takes it, and as `T_max`, which `CosineAnnealingLR` takes, the number of epochs.
        flips, crop: vary the images; see `flipped_and_cropped`.
        precision: `bf16` of the forward pass, `tf32` of a GPU's matrix products. Weights and losses are float32
            whatever it is. (A GPU's convolutions are tf32 in any case, by PyTorch's own default.)
        levers: faster ways to compute the same, up to rounding and, where networks are compiled, dropout's masks.
    """

    VERSION = 1

    gamma: PositiveShare
    optimizer: partial[Optimizer] | None = None
    scheduler: partial[LRScheduler] | None = None
    flips: bool = False
    crop: Border = 0
    precision: Precision = "float32"
    levers: tuple[Lever, ...] = ()

    def optimised(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Return an optimiser of these parameters."""
        return (self.optimizer or Adadelta)(parameters, lr=self.lr)

    def scheduled(self, optimiser: Optimizer) -> LRScheduler:
        """Return what changes the optimiser's learning rate after each epoch."""
        if self.scheduler is None:
            return StepLR(optimiser, step_size=1, gamma=self.gamma)
        known = {"gamma": self.gamma, "T_max": self.epochs}
        taken = known.keys() & inspect.signature(self.scheduler.func).parameters.keys()
        return self.scheduler(optimiser, **{name: known[name] for name in taken} | self.scheduler.keywords)

    def losses(self, logits: Float[Tensor, "e b classes"], labels: Int64[Tensor, "e b"]) -> Float[Tensor, " e"]:
        """Return each network's mean negative log-likelihood, by which the history tells how well it fits."""
        log_probabilities = F.log_softmax(logits, dim=2).flatten(0, 1)
        return F.nll_loss(log_probabilities, labels.flatten(), reduction="none").view(labels.shape).mean(dim=1)

    def objective(
        self, logits: Float[Tensor, "e b classes"], labels: Int64[Tensor, "e b"], *, epoch: int
    ) -> Float[Tensor, " e"]:
        """Return what each network is to minimise in an epoch, counted from 0; none depends on another's logits."""
        return self.losses(logits, labels)

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
        """Train networks; see the base class. Batch orders follow from each one's seed, dropout from the first."""
        # As bytes: pixels of all of them would be four times as large, more than once.
        images, labels, members = pool.images.to(device), pool.labels.to(device), members.to(device)
        # Convolutions in channels-last save about 15 % of a CPU's time.
        form = torch.channels_last if len(networks) == 1 else torch.preserve_format
        networks = [network.to(device).to(memory_format=form) for network in networks]
        products = "products" in self.levers
        network = SideBySide(networks) if len(networks) == 1 else Vectorised(networks, products=products)
        training = Training(network, self.optimised, self.scheduled, as_one=self.optimizer is None)
        if len(networks) > 1 and type(training.optimiser) not in ELEMENTWISE:
            raise RuntimeError(f"{type(training.optimiser).__name__} may not work element by element")
        logits_of = compiled(network, self.levers)

        def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
            order = epoch_order(members.shape[1], epoch, seeds=seeds, stream="target.order").to(device)
            streams = (generator(seed, "target.augmentation", epoch) for seed in seeds)
            numbers = torch.stack([torch.rand(members.shape[1], 3, generator=stream) for stream in streams]).to(device)
            parts = (part.split(self.batch_size, dim=1) for part in (members.gather(1, order), numbers))
            for places, uniform in zip(*parts, strict=True):
                # index_select copies whole images, which plain indexing does number by number.
                plain = images.index_select(0, places.flatten())
                varied = flipped_and_cropped(plain, uniform.flatten(0, 1), flips=self.flips, crop=self.crop)
                batch = LabelledImages(varied, labels[places.flatten()])
                yield batch.pixels().unflatten(0, places.shape), batch.labels.view(places.shape)

        def answered(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
            logits = logits_of(images).float()
            return self.objective(logits, labels, epoch=training.epoch), logits

        self._train(
            training, batches, answered, seeds=seeds, device=device, after_epoch=after_epoch, checkpoint=checkpoint
        )
        if isinstance(network, Vectorised):
            network.copy_to(networks)
        return training.history

    def _train(
        self,
        training: Training,
        batches: Batches,
        answered: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        *,
        seeds: Sequence[int],
        device: torch.device,
        after_epoch: Sequence[Callable[[Training], None]],
        checkpoint: Checkpoint | None,
    ) -> None:
        """Train from where the checkpoint was left, with a row of the history for every epoch.

        Args:
            answered: returns for a mini-batch each network's objective, and the logits `(e, b, classes)`. A label below
                0 is of no image.
        """
        if checkpoint is not None:
            checkpoint.resume(training)
        seen: list[tuple[Tensor, Tensor]] = []

        def losses(images: Tensor, labels: Tensor) -> Tensor:
            with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                objective, logits = answered(images, labels)
            seen.append((logits.detach(), labels))
            return objective

        def note(training: Training) -> None:
            logits, labels = (torch.cat(part, dim=1) for part in zip(*seen, strict=True))
            seen.clear()
            if bool((labels < 0).any()):
                logits, labels = (part[labels >= 0].unsqueeze(0) for part in (logits, labels))
            accuracy = (logits.argmax(dim=2) == labels).double().mean().item()
            loss = self.losses(logits, labels).mean().item()
            training.history.append({"epoch": float(training.epoch - 1), "loss": loss, "accuracy": accuracy})

        with torch.random.fork_rng([device] if device.type == "cuda" else []), products_in(self.precision):
            fit(
                training,
                batches,
                losses,
                epochs=self.epochs,
                before_epoch=lambda epoch: torch.manual_seed(derive(seeds[0], "target.dropout", epoch)),
                after_epoch=[note, *after_epoch, *([] if checkpoint is None else [checkpoint])],
            )


# Trains another model like one, on the same images, by what makes a recipe of its settings.
Train = Callable[[Callable[..., Supervised]], Callable[[Tensor], Tensor]]


def _told(setting: Any) -> Any:
    """Return a setting as an address tells it: of a class its name, its settings and a hash of its code."""
    if not isinstance(setting, partial):
        return setting
    made, settings = setting.func, {name: _told(value) for name, value in setting.keywords.items()}
    name = f"{made.__module__}.{made.__qualname__}"
    return {"_target_": name, "code": code_of(getattr(made, "__mro__", (made,)), name), **settings}
