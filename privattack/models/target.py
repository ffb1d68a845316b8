"""A trained classifier as a service runs it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from privattack.data.images import LabelledImages
from privattack.models.dry_run import Output


class Target(nn.Module):
    """A trained classifier as the service runs it: pixels in [0, 1] to log-probabilities, in eval mode.

    Images are answered in large batches; in eval mode none influences another.

    Args:
        output: what the network answers.
    """

    def __init__(
        self, network: nn.Module, *, device: torch.device, batch_size: int = 500, output: Output = Output.LOGITS
    ) -> None:
        super().__init__()
        self.output = output
        self.network = network.to(device).to(memory_format=torch.channels_last).eval()
        self.device = device
        self.batch_size = batch_size

    @torch.inference_mode()
    def forward(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        batches = pixels.split(self.batch_size)
        answers = (self.network(batch.to(self.device)) for batch in batches)
        return torch.cat([self.output.log_probabilities(one).cpu() for one in answers])

    def answer(self, images: LabelledImages) -> Float[Tensor, "n classes"]:
        """Return log-probabilities for images in memory, of which few are pixels in [0, 1] at any moment."""
        return torch.cat([self(part.pixels()) for part in images.parts(10 * self.batch_size)])
