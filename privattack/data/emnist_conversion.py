"""EMNIST's conversion of digits (Cohen et al. 2017, arXiv:1702.05373, section II), for whole batches."""

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

CANVAS = 128  # pixels a side of the scans that EMNIST was made from
SIDE = 28
BORDER = 2  # pixels left clear on each side of the larger extent, at 28x28
BLUR_RADIUS = 4  # pixels, where a Gaussian of standard deviation 1 has faded to 1e-4
CHUNK = 100  # images at a time: their scans stay in the cache


def emnist_like(images: UInt8[Tensor, "n 28 28"]) -> UInt8[Tensor, "n 28 28"]:
    """Return `images` as EMNIST's makers would have converted them, upright.

    Bicubic to 128x128, binarised at half, Gaussian blur of standard deviation 1, stored in 8 bits, cropped to
    the ink, centred in a square with its aspect ratio kept and a border of 2 pixels at 28x28, bicubic to
    28x28, stretched to 0..255. A blank image stays blank.
    """
    return torch.cat([_convert(chunk) for chunk in images.split(CHUNK)])


def _convert(images: UInt8[Tensor, "n 28 28"]) -> UInt8[Tensor, "n 28 28"]:
    whole = torch.zeros(1), torch.full((1,), float(SIDE))
    enlarge = _bicubic(*whole, inputs=SIDE, outputs=CANVAS, zero_outside=False)  # (1, 128, 28)
    strokes = (enlarge @ images.to(torch.float32) @ enlarge.mT > 127.5).to(torch.float32)
    blur = _gaussian()
    scan = (blur @ strokes @ blur).mul_(255).round_()
    ink = scan > 0
    top, height = _extent(ink.any(dim=2))
    left, width = _extent(ink.any(dim=1))
    frame = torch.maximum(height, width).clamp(min=1) * (SIDE / (SIDE - 2 * BORDER))
    rows = _bicubic(top + height / 2 - frame / 2, frame, inputs=CANVAS, outputs=SIDE, zero_outside=True)
    columns = _bicubic(left + width / 2 - frame / 2, frame, inputs=CANVAS, outputs=SIDE, zero_outside=True)
    small = (rows @ scan @ columns.mT).clamp_(0, 255)
    darkest, brightest = small.amin(dim=(1, 2), keepdim=True), small.amax(dim=(1, 2), keepdim=True)
    stretched = (small - darkest) * (255 / (brightest - darkest).clamp(min=1e-6))
    return stretched.round_().to(torch.uint8)


def _gaussian() -> Float[Tensor, "128 128"]:
    """Return the matrix that blurs a line with a Gaussian of standard deviation 1 pixel, zero outside.

    A product with it is many times faster than a convolution of one channel.
    """
    pixels = torch.arange(CANVAS)
    distance = (pixels.view(-1, 1) - pixels).abs().to(torch.float32)
    kernel = torch.exp(-distance.square() / 2) * (distance <= BLUR_RADIUS)
    return kernel / kernel[CANVAS // 2].sum()


def _extent(filled: Bool[Tensor, "n length"]) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
    """Return where the filled part of each line begins and how long it is; 0 long where nothing is."""
    marks = filled.to(torch.uint8)
    first, last = marks.argmax(dim=1), filled.shape[1] - marks.flip(1).argmax(dim=1)
    return first, (last - first) * filled.any(dim=1)


def _bicubic(
    start: Float[Tensor, " n"], length: Float[Tensor, " n"], *, inputs: int, outputs: int, zero_outside: bool
) -> Float[Tensor, "n {outputs} {inputs}"]:
    """Return the matrices that resample `[start, start + length)` of a line of `inputs` pixels to `outputs`.

    Bicubic (Keys 1981, a = -0.5), the kernel widened by the factor of a reduction, as Pillow and
    antialiased torch do. Beyond the line lie zeros if `zero_outside`, otherwise nothing that counts.
    """
    scale = (length / outputs).view(-1, 1, 1)
    width = scale.clamp(min=1)
    centres = start.view(-1, 1, 1) + (torch.arange(outputs).view(1, -1, 1) + 0.5) * scale
    weights = _keys((torch.arange(inputs) + 0.5 - centres) / width)
    if zero_outside:
        reach = int(2 * width.max()) + 1 if len(width) else 0
        everywhere = centres.floor() + 0.5 + torch.arange(-reach, reach + 1)
        return weights / _keys((everywhere - centres) / width).sum(dim=2, keepdim=True)
    return weights / weights.sum(dim=2, keepdim=True)


def _keys(distance: Float[Tensor, "n outputs inputs"]) -> Float[Tensor, "n outputs inputs"]:
    """Return Keys's cubic kernel, a = -0.5, at a distance in units of its width."""
    x = distance.abs().clamp(max=2)
    near = (1.5 * x - 2.5).mul_(x).mul_(x).add_(1)
    far = (2.5 - 0.5 * x).mul_(x).sub_(4).mul_(x).add_(2)
    return torch.where(x < 1, near, far)
