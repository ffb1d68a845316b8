import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from privattack.data import decoded as cache_of
from privattack.data.folder import folder
from privattack.data.images import DataSet, LabelledImages
from privattack.errors import SettingError, UserError
from privattack.make import make
from tests.composing import composed


def save(path: Path, value: int, *, shape: tuple[int, ...] = (6, 5, 3)) -> None:
    """Write an image of one value; its name tells the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, value, dtype=np.uint8)).save(path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with two parts: 3 training and 2 test images of a cat and a dog each, 5 wide and 6 high."""
    for part, count in (("train", 3), ("test", 2)):
        for number in range(count):
            save(tmp_path / f"images/{part}/dog/{number}.png", 200 + number)
            save(tmp_path / f"images/{part}/cat/{number}.png", 100 + number)
    return tmp_path / "images"


def read(tree: Path, **settings: object) -> DataSet:
    return folder(path=str(tree), cache=str(tree.parent / "cache"), **settings)  # type: ignore[arg-type]


def complaint(tree: Path, **settings: object) -> str:
    with pytest.raises(SettingError) as raised:
        read(tree, **settings)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert f"path={tree}" in sentence
    return sentence


def test_classes_are_numbered_in_the_order_of_their_names(tree):
    data = read(tree)
    assert (data.name, data.classes, data.shape) == ("folder", 2, (3, 6, 5))
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train.images[:, 0, 0, 0].tolist() == [100, 101, 102, 200, 201, 202]
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    assert data.test.images[:, 2, 5, 4].tolist() == [100, 101, 200, 201]


def test_mean_and_deviation_are_those_of_the_training_part(tree):
    data = read(tree)
    pixels = data.train.pixels().double()
    assert data.mean == pytest.approx(pixels.mean(dim=(0, 2, 3)).tolist())
    assert data.std == pytest.approx(pixels.std(dim=(0, 2, 3), correction=0).tolist())


def test_one_tree_is_split_within_each_class(tree):
    for number in range(10):
        save(tree / f"train/cat/more{number}.png", number)
    whole = tree / "train"
    data = read(whole, test_share=0.3, seed=1)
    assert data.test.labels.bincount().tolist() == [4, 1]
    assert data.train.labels.bincount().tolist() == [9, 2]
    images = torch.cat([data.train.images, data.test.images])[:, 0, 0, 0]
    assert sorted(images.tolist()) == sorted([*range(10), 100, 101, 102, 200, 201, 202])
    assert read(whole, test_share=0.3, seed=2).checksum != data.checksum


def test_images_in_folders_of_a_class_are_its_own(tree):
    save(tree / "train/cat/deeper/x.png", 7)
    assert read(tree).train.images[:, 0, 0, 0].tolist() == [100, 101, 102, 7, 200, 201, 202]


@pytest.mark.parametrize(("colour", "channels"), [("grey", 1), ("rgb", 3)])
def test_colour_turns_all_images_into_one_kind(tree, colour, channels):
    save(tree / "test/cat/grey.png", 50, shape=(6, 5))
    assert read(tree, colour=colour).test.images[-3].unique().tolist() == [50]
    assert read(tree, colour=colour).shape == (channels, 6, 5)


def test_grey_images_stay_grey(tree):
    for path in tree.rglob("*.png"):
        save(path, 9, shape=(6, 5))
    assert read(tree).shape == (1, 6, 5)


def test_size_brings_all_images_to_a_square(tree):
    save(tree / "train/cat/large.jpg", 30, shape=(90, 40, 3))
    data = read(tree, size=8)
    assert data.shape == (3, 8, 8)
    assert data.train.images[3].float().mean().item() == pytest.approx(30, abs=2)


def test_what_is_no_image_by_its_name_is_passed_over(tree):
    (tree / "train/cat/notes.txt").write_text("no image")
    (tree / "train/list.csv").write_text("no image")
    assert len(read(tree).train) == 6


def cut(tree: Path) -> None:
    path = tree / "train/cat/1.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:900])


def deep(tree: Path) -> None:
    Image.fromarray(np.zeros((6, 5), dtype=np.uint16)).save(tree / "train/cat/1.png")


def only_one_class(tree: Path) -> None:
    for part in ("train", "test"):
        shutil.rmtree(tree / part / "dog")


@pytest.mark.parametrize(("change", "words"), [
    (cut, ["1 of 11 files cannot be used", "train/cat/1.jpg (is no whole image)", "take them out"]),
    (lambda tree: (tree / "train/cat/1.png").write_bytes(b""), ["1 of 10 files cannot be used", "train/cat/1.png"]),
    (deep, ["train/cat/1.png (has more than 8 bits a pixel)"]),
    (lambda tree: save(tree / "train/cat/x.png", 1, shape=(6, 5)), ["colour=null", "1 of 11 images are grey", "rgb"]),
    (lambda tree: save(tree / "test/cat/x.png", 1, shape=(9, 9, 3)),
     ["size=null", "most have 5x6 pixels, test/cat/x.png has 9x9", "set size"]),
    (only_one_class, ["has only one class, train/cat"]),
    (lambda tree: (tree / "train/cow").mkdir(), ["no image of 1 of the 3 classes (train/cow)"]),
    (lambda tree: save(tree / "test/cow/1.png", 1), ["have other classes (cow in one of them only)"]),
    (lambda tree: shutil.rmtree(tree / "test"), ["has train/ without test/", f"images{'/'}train"]),
    (lambda tree: (shutil.rmtree(tree / "test"), (tree / "test").mkdir()), ["test/ has no folder of a class"]),
    (lambda tree: [path.unlink() for path in tree.rglob("*.png")], ["hold no image; images end in .jpg"]),
    (lambda tree: shutil.rmtree(tree), ["there is no such folder", "train/CLASS/"]),
])  # fmt: skip
def test_folder_that_cannot_work_is_refused_in_a_sentence(tree, change, words):
    change(tree)
    sentence = complaint(tree)
    assert [word for word in words if word not in sentence] == []


def test_one_image_of_a_class_cannot_be_split(tree):
    save(tree / "train/cow/1.png", 1)
    assert "fewer than 2 images of 1 of the 3 classes (cow)" in complaint(tree / "train")


@pytest.mark.parametrize("settings", [{"size": 0}, {"colour": "green"}, {"test_share": 1.0}, {"seed": -1}])
def test_settings_are_checked(tree, settings):
    ((name, _),) = settings.items()
    with pytest.raises(SettingError, match=rf"^{name}="):
        read(tree, **settings)


@pytest.fixture
def decodings(monkeypatch):
    """Return a list of how many files were decoded, and forget what this process keeps in memory at each start."""
    counts = []

    def decode(folder, names, **settings):
        counts.append(len(names))
        return whole(folder, names, **settings)

    whole = cache_of.decode
    monkeypatch.setattr(cache_of, "decode", decode)
    return counts


def start(tree: Path, **settings: object) -> DataSet:
    """Read as a new process does."""
    from privattack.data.folder import _read

    _read.cache_clear()
    return read(tree, **settings)


def test_second_start_opens_no_image(tree, decodings, monkeypatch):
    first = start(tree)
    monkeypatch.setattr(cache_of, "in_parallel", None)
    second = start(tree)
    assert torch.equal(first.train.images, second.train.images)
    assert first.checksum == second.checksum
    assert decodings == [10]


def test_second_job_of_a_sweep_shares_the_images(tree):
    assert read(tree) is read(tree)


def test_the_same_bytes_elsewhere_are_not_decoded_again(tree, decodings):
    start(tree)
    shutil.copytree(tree, tree.parent / "copy", copy_function=shutil.copyfile)
    start(tree.parent / "copy")
    assert decodings == [10]


def test_another_size_or_colour_is_decoded_again(tree, decodings):
    assert [start(tree).shape, start(tree, size=4).shape, start(tree, colour="grey").shape] == [
        (3, 6, 5), (3, 4, 4), (1, 6, 5),
    ]  # fmt: skip
    assert decodings == [10, 10, 10]


def test_changed_image_is_seen(tree, decodings):
    before = start(tree)
    save(tree / "train/cat/0.png", 55)
    after = start(tree)
    assert after.train.images[0].unique().tolist() == [55]
    assert before.checksum != after.checksum
    assert decodings == [10, 10]


@pytest.mark.parametrize("damage", [
    lambda content: content[:-7],
    lambda content: content[:-1] + b"\x07",
    lambda content: b"",
    lambda content: b"\xff" * len(content),
])  # fmt: skip
def test_damaged_cache_is_made_again(tree, decodings, damage, caplog):
    whole = start(tree)
    (kept,) = (tree.parent / "cache").glob("*.safetensors")
    kept.write_bytes(damage(kept.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert start(tree).checksum == whole.checksum
    assert "is damaged" in caplog.text
    assert start(tree).checksum == whole.checksum
    assert decodings == [10, 10]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../x", b"nowhere"])
def test_damaged_address_is_made_again(tree, decodings, content):
    whole = start(tree)
    (known,) = (tree.parent / "cache").glob("*.content")
    known.write_bytes(content)
    assert start(tree).checksum == whole.checksum
    assert decodings == [10]


def test_cache_that_cannot_be_written_is_named(tree):
    (tree.parent / "file").write_text("in the way")
    with pytest.raises(SettingError, match=r"^cache=.*/file/cache, path=.*set cache to a folder that you can write"):
        folder(path=str(tree), cache=str(tree.parent / "file/cache"))


def test_the_command_lines_settings(tree):
    chosen = ("data=folder", f"data.path={tree}", f"store={tree.parent}/store")
    assert make(composed(*chosen), "data", DataSet).checksum == read(tree).checksum
    assert list((tree.parent / "cache").glob("*.content"))
    save(tree / "test/cat/x.png", 1, shape=(9, 9, 3))
    with pytest.raises(UserError, match=r"^data\.size=null, data\.path=.*: images differ in size"):
        make(composed(*chosen), "data", DataSet)


def two_of_each(count: int) -> DataSet:
    """Return a data set as a user's function does."""
    images = torch.arange(2 * count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4).contiguous()
    part = LabelledImages(images, torch.arange(2 * count) % 2)
    return DataSet.of("two", 2, part, part)


def test_any_function_that_makes_a_data_set(monkeypatch):
    monkeypatch.setattr("privattack.data.folder.two_of_each", two_of_each, raising=False)
    config = composed("data=folder", "data.path=x")
    config.data = {"_target_": "privattack.data.folder.two_of_each", "count": 3}
    data = make(config, "data", DataSet)
    assert (data.classes, data.shape, len(data.train)) == (2, (3, 4, 4), 6)
