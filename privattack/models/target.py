"""A trained classifier as a service runs it."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from privattack.data.images import LabelledImages


class Target(nn.Module):
    """A trained classifier as the service runs it: pixels in [0, 1] to log-probabilities, in eval mode.

    Images are answered in large batches; in eval mode none influences another.
    """

    def __init__(self, network: nn.Module, *, device: torch.device, batch_size: int = 500) -> None:
        super().__init__()
        self.network = network.to(device).to(memory_format=torch.channels_last).eval()
        self.device = device
        self.batch_size = batch_size

    @torch.inference_mode()
    def forward(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        batches = pixels.split(self.batch_size)
        return torch.cat([_log_softmax(self.network(batch.to(self.device))).cpu() for batch in batches])

    def answer(self, images: LabelledImages) -> Float[Tensor, "n classes"]:
        """Return log-probabilities for images in memory, of which few are pixels in [0, 1] at any moment."""
        return torch.cat([self(part.pixels()) for part in images.parts(10 * self.batch_size)])


def _log_softmax(logits: Float[Tensor, "n classes"]) -> Float[Tensor, "n classes"]:
    # Near 1, float32 cannot tell probabilities apart that membership scores need apart; their logarithms it can.
    return F.log_softmax(logits.double(), dim=1).float()
