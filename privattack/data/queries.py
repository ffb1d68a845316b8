"""What surrogates learn from: images that were asked about, and the answers."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.utils.data import Dataset


class Queries(Dataset[tuple[Tensor, Tensor]]):
    """For each of `e` surrogates trained side by side: its queries and the answers that it learns.

    Args:
        images: normalised; where they lie, mini-batches will.
        queries: which of them each surrogate's attacker asked about.
        answers: log-probabilities, one row per query.
    """

    def __init__(
        self,
        images: Float[Tensor, "pool c h w"],
        queries: Int64[Tensor, "e n"],
        answers: Float[Tensor, "e n classes"],
    ) -> None:
        self.images = images
        self.queries = queries.to(images.device)
        self.answers = answers.to(images.device)
        self._rows = torch.arange(len(queries), device=images.device).unsqueeze(1)

    def __len__(self) -> int:
        return self.queries.shape[1]

    def __getitem__(
        self, places: Int64[Tensor, "e b"]
    ) -> tuple[Float[Tensor, "e b c h w"], Float[Tensor, "e b classes"]]:
        """Return a mini-batch: for each surrogate, the queries at its places and their answers."""
        # index_select copies whole images, which plain indexing does number by number.
        images = self.images.index_select(0, self.queries.gather(1, places).flatten())
        answers = self.answers.flatten(0, 1).index_select(0, (places + self._rows * self.answers.shape[1]).flatten())
        return images.unflatten(0, places.shape), answers.unflatten(0, places.shape)
