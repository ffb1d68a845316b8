"""A few images through a classifier before anything is trained: what it cannot take, and what its answers are."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from privattack.errors import UserError, why

IMAGES = 32
TOLERANCE = 1e-3  # by which a float16 softmax misses a sum of 1


class Output(StrEnum):
    """What a classifier answers."""

    LOGITS = "logits"
    LOG_PROBABILITIES = "log-probabilities"
    PROBABILITIES = "probabilities"

    def log_probabilities(self, answers: Float[Tensor, "*n classes"]) -> Float[Tensor, "*n classes"]:
        """Return answers as log-probabilities. Near 1, float32 cannot tell probabilities apart that scores need apart;
        their logarithms it can.
        """
        if self is Output.PROBABILITIES:
            return answers.double().clamp(min=torch.finfo(torch.float32).tiny).log().float()
        return F.log_softmax(answers.double(), dim=-1).float()


class Tried(NamedTuple):
    """What a few images told of a classifier."""

    output: Output
    classes: int


def dry_run(
    model: Callable[[Tensor], Any], images: Float[Tensor, "n c h w"], *, classes: int | None = None, setting: str
) -> Tried:
    """Let a classifier answer a few images and say what its answers are.

    Args:
        model: whatever it should not do, it may.
        images: as the model takes them; the first few are asked about.
        classes: how many there are; None for as many as the model tells apart, two at least.
        setting: names the model in a sentence, as the command line or the call has it.

    Raises:
        UserError: it cannot take the images, or answers something else than finite numbers `(n, classes)`.
    """
    asked = images[:IMAGES]
    remedy = f"it needs to answer a tensor of logits ({len(asked)}, {classes or 'classes'})"
    try:
        with torch.inference_mode(), torch.random.fork_rng():
            answers = model(asked)
    except UserError:
        raise
    except Exception as error:  # whatever the user's class raises
        raise UserError(f"{setting}: cannot take images {tuple(asked.shape)} ({why(error)}); {remedy}.") from error
    if not isinstance(answers, Tensor):
        raise UserError(f"{setting}: answers a {type(answers).__name__} for images {tuple(asked.shape)}; {remedy}.")
    rows, columns = answers.shape if answers.ndim == 2 else (0, 0)
    if rows != len(asked) or columns != (classes or max(columns, 2)):
        shape = tuple(answers.shape)
        raise UserError(f"{setting}: answers a tensor {shape} for images {tuple(asked.shape)}; {remedy}.")
    if not answers.is_floating_point():
        raise UserError(f"{setting}: answers numbers of type {str(answers.dtype).removeprefix('torch.')}; {remedy}.")
    if not answers.isfinite().all():
        raise UserError(f"{setting}: answers numbers that are not finite, so it cannot be attacked; {remedy}.")
    return Tried(_kind(answers), columns)


def _kind(answers: Float[Tensor, "n classes"]) -> Output:
    """Say what finite answers are."""
    answers = answers.double()
    if (answers >= 0).all() and _sums_to_one(answers):
        return Output.PROBABILITIES
    if (answers <= TOLERANCE).all() and _sums_to_one(answers.exp()):
        return Output.LOG_PROBABILITIES
    return Output.LOGITS


def _sums_to_one(answers: Float[Tensor, "n classes"]) -> bool:
    return bool(((answers.sum(dim=1) - 1).abs() < TOLERANCE).all())
