"""Transfer: whether adversarial examples made on a surrogate fool its target."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from privattack import metrics
from privattack.data.images import LabelledImages
from privattack.metrics import Measurement
from privattack.models.surrogate import Surrogates

STEPS = 10


@dataclass(frozen=True)
class Transfer:
    """How adversarial examples are made.

    Attributes:
        epsilon: the largest change of a pixel.
        images: how many images of the test part, the first of those that the target names rightly.
    """

    epsilon: float
    images: int

    def judge(
        self,
        surrogates: Surrogates,
        target: Callable[[Tensor], Tensor],
        test: LabelledImages,
        target_log_probabilities: Float[Tensor, "t classes"],
    ) -> list[dict[str, Measurement]]:
        """Return for each lesson the share of examples that the target names wrongly, over repetitions.

        By the fast gradient sign method (Goodfellow et al. 2015, section 4) and by projected gradient descent in 10
        steps of a quarter of epsilon from the image itself (Madry et al. 2018, section 2.1).
        """
        right = (target_log_probabilities.argmax(dim=1) == test.labels).nonzero().flatten()[: self.images]
        images, labels = test.take(right).pixels(), test.labels[right]
        methods = {"transfer_fgsm": (1, self.epsilon), "transfer_pgd": (STEPS, self.epsilon / 4)}
        shares: dict[str, list[Measurement]] = {}
        for name, (steps, step) in methods.items():
            examples = self._examples(surrogates, images, labels, steps, step)
            fooled = target(examples.flatten(0, 2)).argmax(dim=1).view(examples.shape[:3]) != labels
            shares[name] = [
                metrics.over_repetitions([metrics.proportion(one.numpy()) for one in lesson]) for lesson in fooled
            ]
        return [dict(zip(shares, lesson, strict=True)) for lesson in zip(*shares.values(), strict=True)]

    def _examples(
        self,
        surrogates: Surrogates,
        images: Float[Tensor, "n c h w"],
        labels: Int64[Tensor, " n"],
        steps: int,
        step: float,
    ) -> Float[Tensor, "lessons repetitions n c h w"]:
        lessons, repetitions = surrogates.final_losses.shape[:2]
        start = images.expand(lessons, repetitions, *images.shape)
        examples = start.clone()
        for _ in range(steps):
            examples.requires_grad_(True)
            answers = surrogates(examples)
            places = labels.to(answers.device).expand(answers.shape[:3]).unsqueeze(3)
            loss = -answers.gather(3, places).sum()
            (gradient,) = torch.autograd.grad(loss, examples)
            moved = examples.detach() + step * gradient.sign()
            examples = moved.clamp(start - self.epsilon, start + self.epsilon).clamp(0, 1)
        return examples
