"""Random distortions that leave a digit what it is, for thousands of images in a few milliseconds.

Random numbers come from the caller, uniform in [0, 1), so that each repetition can have a stream of its own. Both
distortions are weaker than FixMatch's for photographs: on MNIST a perceptron copies worse with more.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

SIDE = 28  # pixels of an image
WEAK_SHIFT = 1  # pixels
STRONG_SHIFT = 2  # pixels
ROTATION = 15.0  # degrees


def pad(images: Shaped[Tensor, "n 28 28"]) -> Shaped[Tensor, "n 30 30"]:
    """Return images with a border of zeros, as wide as the weak shift."""
    return F.pad(images, [WEAK_SHIFT] * 4)


def shifted(
    padded: Shaped[Tensor, "n 30 30"], places: Int64[Tensor, " m"], uniform: Float[Tensor, "m 2"]
) -> Shaped[Tensor, "m 28 28"]:
    """Return the padded images at `places`, each moved by up to 1 whole pixel along either axis; by none at 1/2."""
    height, width = padded.shape[1:]
    down, right = (uniform * (2 * WEAK_SHIFT + 1)).long().unbind(dim=1)
    first = (places * height + down) * width + right
    rows = first.unsqueeze(1) + width * torch.arange(SIDE, device=places.device)  # where each row begins
    # Rows are copied whole, which is several times as fast as pixel by pixel.
    return padded.flatten().unfold(0, SIDE, 1).index_select(0, rows.flatten()).view(-1, SIDE, SIDE)


def distorted(images: Float[Tensor, "n 28 28"], uniform: Float[Tensor, "n 3"]) -> Float[Tensor, "n 28 28"]:
    """Return images turned by up to 15 degrees and moved by up to 2 pixels along either axis; neither at 1/2."""
    turn, down, right = (2 * uniform - 1).unbind(dim=1)
    angle = math.radians(ROTATION) * turn
    cosine, sine = angle.cos(), angle.sin()
    # In the coordinates of grid_sample an image reaches from -1 to 1.
    x, y = (2 * STRONG_SHIFT / SIDE * move for move in (right, down))
    affine = torch.stack([cosine, -sine, x, sine, cosine, y], dim=1).view(-1, 3)  # 2n 3
    axis = (2 * torch.arange(SIDE, device=images.device) + 1) / SIDE - 1
    points = torch.stack([axis.repeat(SIDE), axis.repeat_interleave(SIDE), torch.ones_like(axis).repeat(SIDE)])
    grid = (affine @ points).view(-1, 2, SIDE, SIDE).permute(0, 2, 3, 1)
    return F.grid_sample(images.unsqueeze(1), grid, align_corners=False).squeeze(1)
