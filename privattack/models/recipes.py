"""How a classifier is trained: targets and shadow models alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, StepLR

from privattack.data.images import LabelledImages
from privattack.data.orders import epoch_order
from privattack.errors import UserError
from privattack.models.checkpoints import Checkpoint
from privattack.models.fitting import Training, fit
from privattack.models.stacking import SideBySide, Vectorised
from privattack.randomness import derive


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

    lr: float
    epochs: int
    batch_size: int

    @property
    def address(self) -> dict[str, Any]:
        """What of a trained model's address follows from the recipe."""
        return {"class": type(self).__name__, "version": self.VERSION, **asdict(self)}

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
    """The original study's: Adadelta, a step decay every epoch, NLL on log-softmax.

    Several networks are trained as one whose steps are batched products and grouped convolutions. Adadelta works
    element by element and no loss depends on another's weights, so each network ends with the weights that it
    would have got alone, up to float rounding. (Dropout draws for all of them from one stream: a network with
    dropout depends on how many are trained beside it.)

    Attributes:
        gamma: the factor on the learning rate after each epoch; 1 keeps it constant.
    """

    VERSION = 1

    gamma: float

    def optimiser(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        return torch.optim.Adadelta(parameters, lr=self.lr)

    def scheduler(self, optimiser: Optimizer) -> LRScheduler:
        return StepLR(optimiser, step_size=1, gamma=self.gamma)

    def losses(self, logits: Float[Tensor, "e b classes"], labels: Int64[Tensor, "e b"]) -> Float[Tensor, " e"]:
        log_probabilities = F.log_softmax(logits, dim=2).flatten(0, 1)
        return F.nll_loss(log_probabilities, labels.flatten(), reduction="none").view(labels.shape).mean(dim=1)

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
        network = SideBySide(networks) if len(networks) == 1 else Vectorised(networks)
        training = Training(network, self.optimiser, self.scheduler, as_one=True)
        if checkpoint is not None:
            checkpoint.resume(training)
        seen: list[tuple[Tensor, Tensor]] = []

        def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
            order = epoch_order(members.shape[1], epoch, seeds=seeds, stream="target.order").to(device)
            for places in members.gather(1, order).split(self.batch_size, dim=1):
                # index_select copies whole images, which plain indexing does number by number.
                batch = LabelledImages(images.index_select(0, places.flatten()), labels[places.flatten()])
                yield batch.pixels().unflatten(0, places.shape), batch.labels.view(places.shape)

        def losses(images: Tensor, labels: Tensor) -> Tensor:
            logits = network(images)
            seen.append((logits.detach(), labels))
            return self.losses(logits, labels)

        def note(training: Training) -> None:
            logits, labels = (torch.cat(part, dim=1) for part in zip(*seen, strict=True))
            seen.clear()
            accuracy = (logits.argmax(dim=2) == labels).double().mean().item()
            loss = self.losses(logits, labels).mean().item()
            training.history.append({"epoch": float(training.epoch - 1), "loss": loss, "accuracy": accuracy})

        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            fit(
                training,
                batches,
                losses,
                epochs=self.epochs,
                before_epoch=lambda epoch: torch.manual_seed(derive(seeds[0], "target.dropout", epoch)),
                after_epoch=[note, *after_epoch, *([] if checkpoint is None else [checkpoint])],
            )
        if isinstance(network, Vectorised):
            network.copy_to(networks)
        return training.history
