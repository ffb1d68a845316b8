import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from privattack.data.emnist_conversion import emnist_like
from privattack.data.sources import digits


def one_by_one(image: np.ndarray) -> np.ndarray:
    """Convert one image step by step, as the paper tells it, with Pillow and scipy."""
    large = Image.fromarray(image.astype(np.float32)).resize((128, 128), Image.Resampling.BICUBIC)
    strokes = (np.asarray(large) > 127.5).astype(np.float32) * 255
    scan = np.round(gaussian_filter(strokes, sigma=1, mode="constant"))
    rows, columns = np.nonzero(scan.any(axis=1))[0], np.nonzero(scan.any(axis=0))[0]
    if len(rows) == 0:
        return np.zeros((28, 28), dtype=np.uint8)
    ink = scan[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    frame, margin = max(ink.shape) * 28 / 24, 100
    paper = Image.new("F", (ink.shape[1] + 2 * margin, ink.shape[0] + 2 * margin))
    paper.paste(Image.fromarray(ink), (margin, margin))
    left, top = paper.width / 2 - frame / 2, paper.height / 2 - frame / 2
    small = paper.resize((28, 28), Image.Resampling.BICUBIC, box=(left, top, left + frame, top + frame))
    pixels = np.asarray(small).clip(0, 255)
    return np.round((pixels - pixels.min()) * 255 / (pixels.max() - pixels.min())).astype(np.uint8)


def strokes(seed: int, count: int) -> torch.Tensor:
    """Return images with a few bright bars each, anywhere up to the edges."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, 28, 28), dtype=np.uint8)
    for image in images:
        for _ in range(3):
            top, left = random.integers(0, 26, 2)
            height, width = random.integers(1, 14, 2)
            image[top : top + height, left : left + width] = random.integers(140, 256)
    return torch.from_numpy(images)


@pytest.mark.parametrize("images", [digits().test.images[:60, 0], strokes(0, 60)], ids=["digits", "bars"])
def test_batches_agree_with_the_conversion_of_one_image_at_a_time(images):
    expected = np.stack([one_by_one(image) for image in images.numpy()]).astype(int)
    difference = np.abs(emnist_like(images).numpy().astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_result_is_centred_with_a_border_and_the_full_range(seed):
    converted = emnist_like(strokes(seed, 4))
    assert converted.amax(dim=(1, 2)).tolist() == [255] * 4
    for edge in (converted[:, 0], converted[:, -1], converted[:, :, 0], converted[:, :, -1]):
        assert int(edge.max()) < 16
    for image in converted > 16:  # thin bars come out faint
        extents = []
        for line in (image.any(dim=0), image.any(dim=1)):
            filled = line.nonzero().squeeze(1)
            assert abs(int(filled[0]) + int(filled[-1]) - 27) <= 2
            extents.append(int(filled[-1] - filled[0]) + 1)
        assert 20 <= max(extents) <= 25


def test_place_in_the_image_does_not_matter_but_orientation_does():
    image = torch.zeros(28, 28, dtype=torch.uint8)
    image[4:16, 4:6] = 255
    image[14:16, 4:12] = 255
    corner, shifted = emnist_like(torch.stack([image, image.roll((7, 7), (0, 1))]))
    assert torch.equal(corner, shifted)
    assert torch.equal(emnist_like(image.T.unsqueeze(0))[0], corner.T)


def test_an_image_does_not_depend_on_its_neighbours():
    images = digits().test.images[:, 0]
    assert torch.equal(emnist_like(images)[99:103], emnist_like(images[99:103]))


def test_blank_stays_blank():
    images = torch.zeros(2, 28, 28, dtype=torch.uint8)
    images[1, 10:20, 10:20] = 255
    converted = emnist_like(images)
    assert int(converted[0].max()) == 0
    assert int(converted[1].max()) == 255


def test_no_images_give_no_images():
    assert emnist_like(torch.zeros(0, 28, 28, dtype=torch.uint8)).shape == (0, 28, 28)
