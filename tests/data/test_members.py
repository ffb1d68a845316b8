"""Who was trained on, as users name them."""

import numpy as np
import pytest
import torch
from PIL import Image

from privattack.data.images import LabelledImages
from privattack.data.members import named_members
from privattack.errors import UserError

PLACES = [3, 4, 9]


def colours(n: int = 12, channels: int = 3) -> LabelledImages:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, channels, 5, 6), generator=random).to(torch.uint8)
    return LabelledImages(images, torch.arange(n) % 3)


def write(kind, train, folder):
    """Write the same members in some form and return its path."""
    images = train.take(torch.tensor(PLACES)).images.numpy()
    path = folder / "members.npy"
    match kind:
        case "indices":
            np.save(path, np.array(PLACES[::-1]))
        case "mask":
            np.save(path, np.isin(np.arange(len(train)), PLACES))
        case "splits of a run":
            path = folder / "splits.npz"
            np.savez(path, held_out=np.arange(2), members=np.array(PLACES))
        case "images":
            np.save(path, images)
        case "images, channels last":
            np.save(path, np.moveaxis(images, 1, 3))
        case "named images":
            path = folder / "members.npz"
            np.savez(path, labels=np.zeros(3), images=images)
        case "folder":
            path = folder / "members"
            for number, image in enumerate(images):
                (path / f"class{number}").mkdir(parents=True)
                pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, 2)
                Image.fromarray(pixels).save(path / f"class{number}" / "a.png")
    return str(path)


FORMS = ["indices", "mask", "splits of a run", "images", "images, channels last", "named images", "folder"]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", FORMS)
def test_members_can_be_named_in_any_of_these_forms(kind, channels, tmp_path):
    train = colours(channels=channels)
    split = named_members(write(kind, train, tmp_path), train)
    assert split.members.tolist() == PLACES
    assert split.held_out.tolist() == [place for place in range(12) if place not in PLACES]


def test_grey_images_need_no_channel(tmp_path):
    train = colours(channels=1)
    np.save(tmp_path / "m.npy", train.images[PLACES, 0].numpy())
    assert named_members(str(tmp_path / "m.npy"), train).members.tolist() == PLACES


def test_every_copy_of_a_members_image_is_a_member(tmp_path):
    train = colours().join(colours())
    np.save(tmp_path / "m.npy", train.images[PLACES].numpy())
    assert named_members(str(tmp_path / "m.npy"), train).members.tolist() == [*PLACES, *(12 + one for one in PLACES)]


BAD = {
    "too far": (np.array([0, 12]), r"places from 0 to 12, and the training part has those from 0 to 11"),
    "negative": (np.array([-1, 2]), "places from -1 to 2"),
    "fractions": (np.array([0.5]), "numbers of type float64"),
    "nobody": (np.array([], dtype=np.int64), "names nobody"),
    "other images": (np.zeros((2, 3, 5, 6), np.uint8), "1 of 1 images are not in the data set's training part"),
    "another shape": (np.zeros((2, 3, 8, 8), np.uint8), r"holds images uint8 \(3, 8, 8\), and those .* \(3, 5, 6\)"),
    "float images": (np.zeros((2, 3, 5, 6), np.float32), "holds images float32"),
    "objects": (np.array([{"a": 1}], dtype=object), "cannot be read"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_names_no_members_is_refused_in_one_sentence(kind, tmp_path):
    content, sentence = BAD[kind]
    path = tmp_path / "m.npy"
    np.save(path, content, allow_pickle=True)
    with pytest.raises(UserError, match=sentence) as caught:
        named_members(str(path), colours())
    assert str(caught.value).startswith(f"target.members={path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\x93NUMPY"])
@pytest.mark.parametrize("name", ["m.npy", "m.npz"])
def test_damaged_files_are_named(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        named_members(str(tmp_path / name), colours())


def test_missing_files_broken_images_and_other_sizes_are_named(tmp_path):
    with pytest.raises(UserError, match="there is no such file or folder"):
        named_members(str(tmp_path / "nowhere"), colours())
    folder = tmp_path / "members"
    folder.mkdir()
    with pytest.raises(UserError, match="names nobody"):
        named_members(str(folder), colours())
    Image.fromarray(np.zeros((9, 7), np.uint8)).save(folder / "large.png")
    with pytest.raises(UserError, match=r"large\.png is 7x9, and the training part's images are 6x5"):
        named_members(str(folder), colours())
    (folder / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match=r"broken\.png is no image that can be read"):
        named_members(str(folder), colours())


def test_members_lie_in_the_home_that_a_tilde_means(tmp_path, monkeypatch):
    write("indices", colours(), tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert named_members("~/members.npy", colours()).members.tolist() == PLACES
