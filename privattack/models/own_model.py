"""A classifier that the user brings as an object: a module, or any callable."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from privattack.models.dry_run import dry_run

BATCH = 500


class OwnModel:
    """Answers pixels in [0, 1], `(n, c, h, w)`, with log-probabilities `(n, classes)`, as a target does.

    A module stays on its device; it answers in eval mode and is left in the modes that it was in.

    Args:
        model: maps images `(n, c, h, w)`, float32 with `mean` and `std` taken out, to logits, probabilities or
            log-probabilities `(n, classes)`, as a tensor or an array.
        mean, std: a number per channel, or one for all; 0 and 1 where the model takes pixels in [0, 1].
        images: a few pixels to try it on.

    Attributes:
        output: what the model answers.
        classes: how many it tells apart.

    Raises:
        UserError: it cannot take the images, or answers something else.
    """

    def __init__(
        self,
        model: Callable[[Tensor], Any],
        *,
        mean: Sequence[float],
        std: Sequence[float],
        images: Float[Tensor, "n c h w"],
    ) -> None:
        self.model = model
        self.mean, self.std = (torch.tensor(part).view(-1, 1, 1) for part in (mean, std))
        self.output, self.classes = dry_run(self._answer, images, setting=f"model={type(model).__name__}")

    @property
    def weights(self) -> Sequence[Tensor]:
        """The weights, where the model is a module."""
        return [*self.model.state_dict().values()] if isinstance(self.model, nn.Module) else []

    @torch.inference_mode()
    def __call__(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        if len(pixels) == 0:
            return torch.empty(0, self.classes)
        answers = torch.cat([self._answer(batch) for batch in pixels.split(BATCH)])
        return self.output.log_probabilities(answers)

    def _answer(self, pixels: Float[Tensor, "n c h w"]) -> Any:
        device = next((weight.device for weight in self.weights), torch.device("cpu"))
        with _evaluating(self.model):
            answers = self.model(((pixels - self.mean) / self.std).to(device))
        if isinstance(answers, np.ndarray):
            answers = torch.from_numpy(answers)
        return answers.detach().cpu() if isinstance(answers, Tensor) else answers


@contextmanager
def _evaluating(model: object) -> Iterator[None]:
    modules = [*model.modules()] if isinstance(model, nn.Module) else []
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
