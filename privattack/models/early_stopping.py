"""Early stopping (Prechelt 1998), which leaves a model less time to learn its images by heart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor, nn

from privattack.checks import checked
from privattack.data.images import LabelledImages
from privattack.models.checkpoints import Checkpoint
from privattack.models.fitting import Training
from privattack.models.recipes import Supervised
from privattack.randomness import generator


@checked
@dataclass(frozen=True, kw_only=True)
class EarlyStopping(Supervised):
    """Keeps the weights of the epoch with the lowest loss on members that are left out of the training.

    They decide when to stop and are members of the model all the same. All epochs are trained, so that networks which
    stop at different ones can be trained as one.

    Attributes:
        left_out: the share of the members, at random for each network.
    """

    VERSION = 1

    left_out: Annotated[float, Field(gt=0, lt=1)]

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
        """Train networks; see the base class."""
        count = members.shape[1]
        orders = [torch.randperm(count, generator=generator(seed, "early_stopping")) for seed in seeds]
        shuffled = members.gather(1, torch.stack(orders))
        watched, learnt = shuffled.tensor_split([max(1, min(count - 1, round(self.left_out * count)))], dim=1)
        parts = [pool.take(places) for places in watched]
        images = [(part.pixels().to(device), part.labels.to(device)) for part in parts]

        def keep_best(training: Training) -> None:
            training.network.eval()
            found = _losses(training.network, images)
            lowest = training.extra.get("lowest", torch.full_like(found, torch.inf))
            weights, better = training.network.state_dict(), found < lowest
            best = training.extra.get("best", weights)
            training.extra["lowest"] = found.where(better, lowest)
            training.extra["best"] = {name: _chosen(better, weights[name], best[name]) for name in weights}
            if training.epoch == self.epochs:
                training.network.load_state_dict(training.extra["best"])

        return super().fit(
            networks, pool, learnt,
            seeds=seeds, device=device, after_epoch=[keep_best, *after_epoch], checkpoint=checkpoint,
        )  # fmt: skip


@torch.inference_mode()
def _losses(network: nn.Module, images: Sequence[tuple[Tensor, Tensor]]) -> Float[Tensor, " e"]:
    pixels, labels = (torch.stack(part) for part in zip(*images, strict=True))
    logits = torch.cat([network(part) for part in pixels.split(500, dim=1)], dim=1)
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape).mean(dim=1)


def _chosen(better: Bool[Tensor, " e"], ours: Tensor, kept: Tensor) -> Tensor:
    """Return the better networks' weights, and for the others what was kept; networks as one have them side by side."""
    if len(better) == 1:
        return ours.clone() if bool(better) else kept
    return ours.where(better.view(-1, *[1] * (ours.dim() - 1)), kept)
