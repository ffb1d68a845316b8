"""Random distortions that leave a digit what it is, for thousands of images in a few milliseconds.

Random numbers come from the caller, uniform in [0, 1), so that each repetition can have a stream of its own. Both
distortions are weaker than FixMatch's for photographs: on MNIST a perceptron copies worse with more.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

WEAK_SHIFT = 1  # pixels
STRONG_SHIFT = 2  # pixels
ROTATION = 15.0  # degrees


def pad(images: Shaped[Tensor, "n c h w"]) -> Shaped[Tensor, "n c {images.shape[2]+2} {images.shape[3]+2}"]:
    """Return images with a border of zeros, as wide as the weak shift."""
    return F.pad(images, [WEAK_SHIFT] * 4)


def shifted(
    padded: Shaped[Tensor, "n c height width"], places: Int64[Tensor, " m"], uniform: Float[Tensor, "m 2"]
) -> Shaped[Tensor, "m c height-2 width-2"]:
    """Return the padded images at `places`, each moved by up to 1 whole pixel along either axis; by none at 1/2."""
    channels, height, width = padded.shape[1:]
    h, w = height - 2 * WEAK_SHIFT, width - 2 * WEAK_SHIFT
    down, right = (uniform * (2 * WEAK_SHIFT + 1)).long().unbind(dim=1)
    planes = (places * channels).unsqueeze(1) + torch.arange(channels, device=places.device)  # m c
    first = (planes * height + down.unsqueeze(1)) * width + right.unsqueeze(1)
    rows = first.unsqueeze(2) + width * torch.arange(h, device=places.device)  # m c h: where each row begins
    # Rows are copied whole, which is several times as fast as pixel by pixel.
    return padded.flatten().unfold(0, w, 1).index_select(0, rows.flatten()).view(-1, channels, h, w)


def distorted(images: Float[Tensor, "n c h w"], uniform: Float[Tensor, "n 3"]) -> Float[Tensor, "n c h w"]:
    """Return images turned by up to 15 degrees and moved by up to 2 pixels along either axis; neither at 1/2."""
    height, width = images.shape[2:]
    turn, down, right = (2 * uniform - 1).unbind(dim=1)
    angle = math.radians(ROTATION) * turn
    cosine, sine = angle.cos(), angle.sin()
    # In the coordinates of grid_sample an image reaches from -1 to 1 along either axis.
    x, y = 2 * STRONG_SHIFT / width * right, 2 * STRONG_SHIFT / height * down
    affine = torch.stack([cosine, -sine * (height / width), x, sine * (width / height), cosine, y], dim=1).view(-1, 3)
    across, along = ((2 * torch.arange(side, device=images.device) + 1) / side - 1 for side in (width, height))
    across, along = across.repeat(height), along.repeat_interleave(width)
    points = torch.stack([across, along, torch.ones_like(across)])
    grid = (affine @ points).view(-1, 2, height, width).permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, align_corners=False)
