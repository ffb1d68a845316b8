"""Per-example gradients of networks side by side, by `torch.func`: vectorised over images and over networks."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from privattack.models.stacking import Vectorised

Gradients = dict[str, Float[Tensor, "e ..."]]
Losses = Callable[[Float[Tensor, "e b classes"], Int64[Tensor, "e b"]], Float[Tensor, " e"]]

# Images whose gradients are in memory at once: on a CPU their number is what fits into its cache.
CHUNK = {"cpu": 64, "cuda": 256}


class PerExample(Vectorised):
    """Copies of `e` networks of any kind, and the gradients of each of their losses on each image alone.

    Args:
        losses: of one network on one image.

    Raises:
        RuntimeError: when called, where the networks' code cannot be vectorised.
    """

    def __init__(self, networks: Sequence[nn.Module], losses: Losses) -> None:
        super().__init__(networks)

        def loss(
            weights: dict[str, Tensor], buffers: dict[str, Tensor], image: Tensor, label: Tensor
        ) -> tuple[Tensor, Tensor]:
            logits = functional_call(self.skeleton[0], (weights, buffers), (image.unsqueeze(0),))
            return losses(logits.unsqueeze(0), label.view(1, 1)).sum(), logits[0]

        each = vmap(grad(loss, has_aux=True), in_dims=(None, None, 0, 0), randomness="different")
        self._gradients = vmap(each, randomness="different")

    def named(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Go through the weights, those of all networks stacked, by the names that they have in one."""
        yield from zip(self.names, self.weights, strict=True)

    def summed(
        self, pixels: Float[Tensor, "e b c h w"], labels: Int64[Tensor, "e b"], *, clip: float
    ) -> tuple[Gradients, Float[Tensor, "e b classes"]]:
        """Return each network's sum of its images' gradients, each clipped to the L2 norm `clip`, and their logits.

        An image with a label below 0 is none and adds nothing.
        """
        weights = {name: weight.detach() for name, weight in self.named()}
        totals = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        answers = []
        chunk = CHUNK[pixels.device.type]
        for images, named in zip(pixels.split(chunk, dim=1), labels.split(chunk, dim=1), strict=True):
            gradients, logits = self._gradients(weights, self.buffers_, images, named.clamp(min=0))
            squares = [gradient.flatten(2).square().sum(dim=2) for gradient in gradients.values()]
            norms = torch.stack(squares).sum(dim=0).sqrt()
            share = (clip / norms.clamp(min=clip)) * (named >= 0)
            for name, gradient in gradients.items():
                totals[name] += (share.unsqueeze(1) @ gradient.flatten(2)).view_as(totals[name])
            answers.append(logits)
        return totals, torch.cat(answers, dim=1)
