"""Transfer: whether adversarial examples made on a surrogate fool its target."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from privattack.data.images import LabelledImages
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
    ) -> list[dict[str, Float[np.ndarray, "repetitions t"]]]:
        """Return for each lesson which images' examples the target names wrongly: 1, 0, or NaN where none was made.

        By the fast gradient sign method (Goodfellow et al. 2015, section 4) and by projected gradient descent in 10
        steps of a quarter of epsilon from the image itself (Madry et al. 2018, section 2.1).
        """
        right = (target_log_probabilities.argmax(dim=1) == test.labels).nonzero().flatten()[: self.images]
        images, labels = test.take(right).pixels(), test.labels[right]
        methods = {"transfer_fgsm": (1, self.epsilon), "transfer_pgd": (STEPS, self.epsilon / 4)}
        fooled = {}
        for name, (steps, step) in methods.items():
            examples = self._examples(surrogates, images, labels, steps, step)
            wrong = target(examples.flatten(0, 2)).argmax(dim=1).view(examples.shape[:3]) != labels
            fooled[name] = np.full((*wrong.shape[:2], len(test)), np.nan)
            fooled[name][..., right.numpy()] = wrong.numpy()
        return [dict(zip(fooled, lesson, strict=True)) for lesson in zip(*fooled.values(), strict=True)]

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
