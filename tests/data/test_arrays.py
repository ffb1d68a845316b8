from pathlib import Path

import numpy as np
import pytest
import torch

from privattack.data.arrays import arrays
from privattack.data.images import DataSet
from privattack.errors import SettingError


def pixels(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8)


def parts(*shape: int) -> dict[str, np.ndarray]:
    """Return 9 training and 6 test images of 3 classes."""
    return {
        "train_images": pixels(9, *shape), "train_labels": np.arange(9) % 3,
        "test_images": pixels(6, *shape), "test_labels": np.arange(6) % 3,
    }  # fmt: skip


def read(path: Path, content: dict[str, np.ndarray], **settings: object) -> DataSet:
    np.savez(path / "x.npz", **content)
    return arrays(path=str(path / "x.npz"), **settings)  # type: ignore[arg-type]


def test_both_parts_are_taken_as_they_are(tmp_path):
    content = parts(8, 7)
    data = read(tmp_path, content)
    assert (data.name, data.classes, data.shape) == ("arrays", 3, (1, 8, 7))
    assert np.array_equal(data.train.images[:, 0].numpy(), content["train_images"])
    assert data.test.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_kerass_names_and_columns_of_labels_are_understood(tmp_path):
    content = parts(8, 7)
    keras = {
        "x_train": content["train_images"], "y_train": content["train_labels"].reshape(-1, 1),
        "x_test": content["test_images"], "y_test": content["test_labels"].astype(np.uint8),
    }  # fmt: skip
    assert read(tmp_path, keras).checksum == read(tmp_path, content).checksum


def test_a_folder_of_npy_files(tmp_path):
    content = parts(8, 7)
    (tmp_path / "folder").mkdir()
    for name, array in content.items():
        np.save(tmp_path / "folder" / f"{name}.npy", array)
    assert arrays(path=str(tmp_path / "folder")).checksum == read(tmp_path, content).checksum


def test_one_part_is_split_within_each_class(tmp_path):
    content = {"images": pixels(30, 8, 8), "labels": np.arange(30) % 3}
    data = read(tmp_path, content, test_share=0.2, seed=3)
    assert data.test.labels.bincount().tolist() == [2, 2, 2]
    both = torch.cat([data.train.images, data.test.images])[:, 0].flatten(1).tolist()
    assert sorted(both) == sorted(content["images"].reshape(30, -1).tolist())


@pytest.mark.parametrize(("shape", "order", "expected"), [
    ((8, 7, 3), None, (3, 8, 7)),
    ((3, 8, 7), None, (3, 8, 7)),
    ((8, 7, 1), None, (1, 8, 7)),
    ((3, 7, 3), "nhwc", (3, 3, 7)),
    ((3, 7, 3), "nchw", (3, 7, 3)),
    ((2, 7, 9), "nchw", (2, 7, 9)),
])  # fmt: skip
def test_channels_are_found_or_told(tmp_path, shape, order, expected):
    content = parts(*shape)
    data = read(tmp_path, content, order=order)
    assert data.shape == expected
    stored = content["train_images"]
    nchw = stored if shape == expected else stored.transpose(0, 3, 1, 2)
    assert np.array_equal(data.train.images.numpy(), nchw)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_numbers_from_0_to_1_become_bytes(tmp_path, kind):
    content = parts(8, 7)
    as_bytes = read(tmp_path, content).train.images
    for name in ("train_images", "test_images"):
        content[name] = (content[name] / 255).astype(kind)
    assert torch.equal(read(tmp_path, content).train.images, as_bytes)


def changed(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    return parts(8, 7) | {name: array}


def with_value(value: float) -> np.ndarray:
    images = np.zeros((9, 8, 7))
    images[3, 2, 1] = value
    return images


@pytest.mark.parametrize(("content", "words"), [
    ({"a": np.zeros(3)}, ["holds no array", "needs train_images"]),
    ({"train_images": pixels(9, 8, 8)}, ["holds train_images; needs train_images, train_labels"]),
    (parts(8, 7, 9), ["order=null", "(9, 8, 7, 9), which does not tell where its channels lie", "nchw"]),
    (parts(3, 7, 3), ["order=null", "set order"]),
    (parts(8), ["train_images has the shape (9, 8); needs (n, h, w)"]),
    (changed("train_images", pixels(9, 8, 8)), ["shape (1, 8, 8) in the training part and (1, 8, 7) in the test part"]),
    (changed("train_images", pixels(9, 8, 7).astype(np.int64)), ["train_images holds int64; needs uint8"]),
    (changed("train_images", with_value(np.nan)), ["train_images holds NaN or infinity; needs uint8"]),
    (changed("train_images", with_value(np.inf)), ["train_images holds NaN or infinity"]),
    (changed("train_images", with_value(255.0)), ["numbers from 0 to 255; needs uint8, or floating-point numbers"]),
    (changed("train_images", with_value(-0.5)), ["numbers from -0.5 to 0"]),
    (changed("train_images", pixels(8, 8, 7)), ["train_images holds 8 images and train_labels 9 labels"]),
    (changed("train_labels", np.arange(9) % 3 + 1), ["no image of 1 of the 4 classes (label 0 in train_labels)"]),
    (changed("test_labels", np.arange(6) % 3 * 2), ["no image of 2 of the 5 classes (label 3 in train_labels"]),
    (changed("train_labels", np.arange(9) % 3 - 1), ["labels from -1 to 1; number the classes 0, 1, 2"]),
    (changed("train_labels", np.full(9, 10**9)), ["labels from 1000000000 to 1000000000"]),
    (changed("train_labels", np.arange(9) / 3), ["train_labels holds float64"]),
    (changed("train_labels", np.eye(9, 3, dtype=np.int64)), ["train_labels holds int64 of the shape (9, 3)"]),
    (changed("train_labels", np.array(list("abcabcabc"))), ["train_labels holds <U1"]),
    ({"images": pixels(5, 8, 8), "labels": np.zeros(5, dtype=int)}, ["only one class"]),
    ({"images": pixels(3, 8, 8), "labels": np.array([0, 0, 1])}, ["fewer than 2 images of 1 of the 2 classes"]),
    ({"images": pixels(0, 8, 8), "labels": np.zeros(0, dtype=int)}, ["images holds 0 images and labels 0 labels"]),
])  # fmt: skip
def test_arrays_that_cannot_work_are_refused_in_a_sentence(tmp_path, content, words):
    with pytest.raises(SettingError) as raised:
        read(tmp_path, content)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert f"path={tmp_path}/x.npz" in sentence
    assert [word for word in words if word not in sentence] == []


def test_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingError, match=r"^path=.*nowhere\.npz: there is no such file; give a \.npz file"):
        arrays(path=str(tmp_path / "nowhere.npz"))


@pytest.mark.parametrize("content", [b"", b"no arrays", b"PK\x03\x04 no zip"])
def test_file_that_is_damaged_is_named(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(SettingError, match=r"^path=.*x\.npz: cannot be read as arrays of numbers .*numpy\.savez"):
        arrays(path=str(tmp_path / "x.npz"))


def test_cut_file_is_named(tmp_path):
    read(tmp_path, parts(8, 7))
    path = tmp_path / "x.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SettingError, match=r"^path=.*x\.npz: cannot be read"):
        arrays(path=str(path))


def test_encrypted_file_is_named(tmp_path):
    read(tmp_path, parts(8, 7))
    path = tmp_path / "x.npz"
    content = bytearray(path.read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(SettingError, match=r"^path=.*x\.npz: cannot be read .*encrypted"):
        arrays(path=str(path))


def test_one_array_alone_tells_what_is_missing(tmp_path):
    np.save(tmp_path / "images.npy", pixels(4, 8, 8))
    with pytest.raises(SettingError, match=r"is one array; give the folder .* with images\.npy and labels\.npy"):
        arrays(path=str(tmp_path / "images.npy"))


class Trap:
    """Unpickled, it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path):
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    with pytest.raises(SettingError, match="cannot be read as arrays of numbers"):
        read(tmp_path, parts(8, 7) | {"train_labels": trap})
    assert not (tmp_path / "sprung").exists()
