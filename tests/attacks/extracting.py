"""A target that is easily copied, and one way to run an extraction attack on it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from privattack.attacks.extraction.base import Extraction, ExtractionAttack
from privattack.data.images import LabelledImages
from privattack.data.query_pool import QueryPool
from privattack.defences.none import NoDefence
from privattack.models.surrogate import SurrogateTrainer
from privattack.service import Service

SEEDS = [3, 4]


def linear_target(pixels: Tensor) -> Tensor:
    """Name the class whose two rows are brightest: linearly separable, and unsure of nothing."""
    return (40 * pixels[:, 0, 4:24].unflatten(1, (10, 2)).mean(dim=(2, 3))).log_softmax(dim=1)


def linear_network(*, classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))


class Recorder(SurrogateTrainer):
    """Trains as any, and remembers what it was given last, and for each time how many queries and the surrogates."""

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        self.trained = []

    def train(self, pixels, queries, lessons, *, seeds):
        self.pixels, self.queries, self.lessons = pixels, queries, lessons
        surrogates = super().train(pixels, queries, lessons, seeds=seeds)
        self.trained.append((queries.shape[1], surrogates))
        return surrogates


def trainer(kind=SurrogateTrainer, **settings) -> SurrogateTrainer:
    """Return a quick training of surrogates, with other settings if one likes."""
    return kind(
        **{
            "network": linear_network,
            "mean": (0.1307,),
            "std": (0.3081,),
            "epochs": 1,
            "lr": 5e-3,
            "batch_size": 32,
            **settings,
        }
    )


def extract(
    attack: ExtractionAttack,
    images: LabelledImages,
    *,
    budgets: Sequence[int],
    target=linear_target,
    defence=None,
    seeds: Sequence[int] = SEEDS,
    surrogates: SurrogateTrainer | None = None,
    classes: int = 10,
    has_labels: bool = True,
) -> tuple[Extraction, list[Service]]:
    """Run an attack with a service for each seed."""
    services = [Service(target, defence or NoDefence(), budget=budgets[-1]) for _ in seeds]
    pool = QueryPool(images, classes, has_labels)
    return attack.run(services, pool, surrogates or trainer(), budgets=budgets, seeds=seeds), services


def fidelity(extraction: Extraction, pixels: Tensor, target=linear_target) -> dict[str, float]:
    """Return on how many images each attacker's surrogates and the target agree, as a share."""
    agrees = extraction.surrogates.predict(pixels).argmax(dim=3) == target(pixels).argmax(dim=1)
    names = [name for name, _ in extraction.attackers]
    return dict(zip(names, agrees.to(torch.float64).mean(dim=(1, 2)).tolist(), strict=True))
