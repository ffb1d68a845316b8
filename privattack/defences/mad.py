"""Prediction poisoning by maximising angular deviation, MAD (Orekondy, Schiele & Fritz 2020, section 4)."""

from collections.abc import Callable
from typing import Annotated

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn

from privattack.checks import checked
from privattack.data.images import Shape
from privattack.defences.base import Defence, Reveals
from privattack.defences.distributions import at_most, probabilities, response
from privattack.defences.draws import guessed
from privattack.models.architecture import asked_for
from privattack.models.networks import MLP
from privattack.randomness import derive

FEW = 12  # classes of which all 2^(classes - 1) vertices that keep a label are looked at


@checked
class Mad(Defence):
    """Answers what turns an attacker's gradient farthest, within an L1 distance `epsilon` of the truth.

    The attacker's network is stood for by a fixed one with random weights. Row k of G is its gradient of -log softmax_k
    with respect to the last layer's weight: (q - e_k) h', with its answer q and its last hidden layer h. Of a
    distribution y, G'y is (q - y) h', and normalised (q - y) / |q - y| times h' / |h|. So the squared distance between
    normalised gradients is that between these directions in the classes, and h cancels.

    Args:
        epsilon: from 0 to 2; from about 1 on, the winner of a sure answer changes unless `keep_label`.
        keep_label: whether the way leads to a vertex in which the target's winner is one of the winners, 1e-5 ahead
            (the paper's MAD-argmax); otherwise it leads to one class.
        proxy: makes the network that stands for the attacker's.
        key: the secret that its weights follow from.
    """

    reveals = Reveals.SCORES

    def __init__(
        self,
        *,
        epsilon: Annotated[float, Field(ge=0, le=2)] = 0.95,
        keep_label: bool = False,
        proxy: Callable[..., nn.Module] = MLP,
        key: Annotated[int, Field(ge=0, lt=2**64)] = 0,
    ) -> None:
        self.epsilon = epsilon
        self.keeps_label = self.keep_label = keep_label
        self.proxy = proxy
        self.key = key
        self._networks: dict[tuple[Shape, int], nn.Module] = {}

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        said = probabilities(log_probabilities)
        winners = log_probabilities.argmax(dim=1)
        classes = said.shape[1]
        channels, height, width = pixels.shape[1:]
        network = self.network((channels, height, width), classes)
        with torch.inference_mode():
            proxy = network(pixels.cpu()).double().softmax(dim=1).to(said.device)
        direction = _direction(proxy - said)
        if self.keep_label:
            farthest = _farthest_with(winners, proxy, direction)
        else:
            vertices = torch.eye(classes, dtype=said.dtype, device=said.device)
            farthest = vertices[_cosines(proxy, direction, vertices).argmin(dim=1)]
        poisoned = at_most(self.epsilon, said, farthest)
        return response(poisoned, log_probabilities, winners=winners if self.keep_label else None)

    def network(self, shape: Shape, classes: int) -> nn.Module:
        """Return the network that stands for the attacker's, made once."""
        if (shape, classes) not in self._networks:
            with torch.random.fork_rng():
                torch.manual_seed(derive(self.key, "proxy"))
                self._networks[shape, classes] = self.proxy(**asked_for(self.proxy, shape, classes)).eval()
        return self._networks[shape, classes]

    def imitation(self) -> "Mad":
        """Return the defence with another network of random weights."""
        return Mad(epsilon=self.epsilon, keep_label=self.keep_label, proxy=self.proxy, key=guessed(self.key))


def _farthest_with(
    winners: Int64[Tensor, " n"], proxy: Float[Tensor, "n classes"], direction: Float[Tensor, "n classes"]
) -> Float[Tensor, "n classes"]:
    """Return the farthest of the vertices that keep a label.

    Of many classes, only for each number of classes the set with the greatest share of the direction is looked at.
    """
    n, classes = proxy.shape
    # The winner changes places with the first class, and later back again.
    swapped = torch.arange(classes, device=winners.device).repeat(n, 1).scatter(1, winners.unsqueeze(1), 0)
    swapped[:, 0] = winners
    proxy, direction = proxy.gather(1, swapped), direction.gather(1, swapped)
    if classes <= FEW:
        codes = torch.arange(2 ** (classes - 1)).unsqueeze(1)
        sets = torch.cat([torch.ones_like(codes), codes >> torch.arange(classes - 1) & 1], dim=1)
        vertices = _vertices(sets.to(proxy))
        return vertices[_cosines(proxy, direction, vertices).argmin(dim=1)].gather(1, swapped)
    ranks = direction[:, 1:].argsort(dim=1, descending=True).argsort(dim=1)
    best, farthest = torch.full_like(proxy[:, :1], torch.inf), torch.empty_like(proxy)
    for size in range(classes):
        vertices = _vertices(torch.cat([torch.ones_like(proxy[:, :1]), (ranks < size).to(proxy)], dim=1))
        reached = (direction * _direction(proxy - vertices)).sum(dim=1, keepdim=True)
        farthest, best = vertices.where(reached < best, farthest), reached.minimum(best)
    return farthest.gather(1, swapped)


def _vertices(sets: Float[Tensor, "sets classes"]) -> Float[Tensor, "sets classes"]:
    """Return distributions that are even over sets of classes, the first of which is a little ahead."""
    ahead = sets + 1e-5 * (torch.arange(sets.shape[1], device=sets.device) == 0)
    return ahead / ahead.sum(dim=1, keepdim=True)


def _cosines(
    proxy: Float[Tensor, "n classes"],
    direction: Float[Tensor, "n classes"],
    vertices: Float[Tensor, "vertices classes"],
) -> Float[Tensor, "n vertices"]:
    """Return the cosines of the angles between directions and those that vertices would give.

    They are rounded, so that of vertices in one direction (with two classes, of all) the first is taken.
    """
    along = (direction * proxy).sum(dim=1, keepdim=True) - direction @ vertices.T
    squares = proxy.square().sum(dim=1, keepdim=True) - 2 * proxy @ vertices.T + vertices.square().sum(dim=1)
    return (along / squares.clamp(min=1e-300).sqrt()).round(decimals=9)


def _direction(gradient: Float[Tensor, "n classes"]) -> Float[Tensor, "n classes"]:
    return gradient / gradient.norm(dim=1, keepdim=True).clamp(min=1e-300)
