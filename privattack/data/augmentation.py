"""Random distortions that leave an image what it shows, for thousands of images in a few milliseconds.

Random numbers come from the caller, uniform in [0, 1), so that each training can have a stream of its own. FixMatch's
two distortions, `shifted` and `distorted`, are weaker than its own for photographs: on MNIST a perceptron copies worse
with more.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, Shaped, UInt8
from torch import Tensor

WEAK_SHIFT = 1  # pixels
STRONG_SHIFT = 2  # pixels
ROTATION = 15.0  # degrees


def flipped_and_cropped(
    images: UInt8[Tensor, "n c h w"], uniform: Float[Tensor, "n 3"], *, flips: bool, crop: int
) -> UInt8[Tensor, "n c h w"]:
    """Return images as photographs are usually varied in training (He et al. 2016, section 4.2).

    Args:
        flips: whether to mirror half of the images left to right.
        crop: the pixels of black around each image, before its own size is cut out at random; 0 leaves it where it is.
    """
    if crop:
        images = shifted(pad(images, crop), torch.arange(len(images), device=images.device), uniform[:, :2], crop)
    return torch.where(uniform[:, 2].view(-1, 1, 1, 1) < 0.5, images.flip(3), images) if flips else images


def pad(
    images: Shaped[Tensor, "n c h w"], border: int = WEAK_SHIFT
) -> Shaped[Tensor, "n c {images.shape[2]+2*border} {images.shape[3]+2*border}"]:
    """Return images with a border of zeros."""
    return F.pad(images, [border] * 4)


def shifted(
    padded: Shaped[Tensor, "n c height width"],
    places: Int64[Tensor, " m"],
    uniform: Float[Tensor, "m 2"],
    border: int = WEAK_SHIFT,
) -> Shaped[Tensor, "m c height-2*{border} width-2*{border}"]:
    """Return the padded images at `places`, moved within their border by whole pixels along either axis; not at 1/2."""
    channels, height, width = padded.shape[1:]
    h, w = height - 2 * border, width - 2 * border
    down, right = (uniform * (2 * border + 1)).long().unbind(dim=1)
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
