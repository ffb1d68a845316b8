import io
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from privattack.data import decoded, image_sources
from privattack.data.emnist_conversion import emnist_like
from privattack.data.image_sources import Emnist, EmnistLike, Folder, Holdout, Noise, TestPart, Usps
from privattack.data.images import LabelledImages
from privattack.data.sources import digits
from privattack.errors import UserError

GROUPS = ("pool", "nonmembers")


@pytest.fixture
def parts(make_images):
    return {"held_out": make_images(12), "test": make_images(8, seed=1), "classes": 10}


@pytest.fixture
def folder(tmp_path_factory):
    """Return a function that makes a folder's source, with one cache for a whole test."""
    cache = tmp_path_factory.mktemp("cache")
    return lambda path, **settings: Folder(path=str(path), cache=str(cache), **settings)


@pytest.fixture
def asked(monkeypatch, make_images):
    """Return the settings with which files were asked for; every file holds the same 3 images."""
    settings = []

    def part(**given):
        settings.append(given)
        return make_images(3)

    monkeypatch.setattr(image_sources, "usps_part", part)
    monkeypatch.setattr(image_sources, "emnist_part", part)
    return settings


@pytest.mark.parametrize("group", GROUPS)
def test_the_data_sets_own_parts(parts, group):
    assert TestPart().images(group, **parts) == (parts["test"], True)
    assert Holdout().images(group, **parts) == (parts["held_out"], True)


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_held_out_is_refused(parts, group):
    nothing = parts["held_out"].take(torch.arange(0))
    sentence = rf"^{group}=holdout: finds no images, .* set target\.train_size below .* or choose {group}=test\.$"
    with pytest.raises(UserError, match=sentence):
        Holdout().images(group, **parts | {"held_out": nothing})


@pytest.mark.parametrize("source", [Usps, Emnist])
def test_a_pool_and_non_members_from_the_same_files_share_no_image(parts, asked, source):
    for group in GROUPS:
        images, _ = source(root="here", download=False).images(group, **parts)
        assert len(images) == 3
    assert [one["train"] for one in asked] == [True, False]
    assert all((one["root"], one["download"], one["verify"]) == ("here", False, True) for one in asked)


@pytest.mark.parametrize(("source", "classes", "fit"), [
    (Usps(root="here"), 10, True),
    (Usps(root="here"), 26, False),
    (Emnist(root="here"), 10, True),
    (Emnist(root="here", split="letters"), 10, False),
    (Emnist(root="here", split="letters"), 26, True),
])  # fmt: skip
@pytest.mark.usefixtures("asked")
def test_labels_are_the_targets_where_their_number_is(parts, source, classes, fit):
    assert source.images("pool", **parts | {"classes": classes})[1] == fit


def test_emnist_is_upright_unless_as_stored(parts, tmp_path, write_idx):
    stored = np.random.default_rng(0).integers(0, 256, (4, 28, 28))
    prefix = tmp_path / "EMNIST/raw/emnist-digits-test"
    write_idx(Path(f"{prefix}-images-idx3-ubyte"), stored)
    write_idx(Path(f"{prefix}-labels-idx1-ubyte"), np.array([0, 1, 8, 9]))
    upright, as_stored = (
        Emnist(root=str(tmp_path), download=False, as_stored=stored).images("nonmembers", **parts)[0]
        for stored in (False, True)
    )
    assert as_stored.images.squeeze(1).tolist() == stored.tolist()
    assert torch.equal(upright.images, as_stored.images.mT)
    assert upright.labels.tolist() == [0, 1, 8, 9]


@pytest.mark.parametrize("source", [Emnist, Usps])
@pytest.mark.parametrize(("group", "ways_on"), [
    ("pool", ["pool=test works without it"]),
    ("nonmembers", ["nonmembers=emnist_like", "nonmembers=test", "data=digits"]),
])  # fmt: skip
def test_missing_files_tell_what_works_without_them(parts, tmp_path, source, group, ways_on):
    with pytest.raises(UserError) as raised:
        source(root=str(tmp_path), download=False).images(group, **parts)
    assert all(way_on in str(raised.value) for way_on in ways_on)


def test_usps_non_members_need_only_its_test_file(parts, tmp_path, write_usps):
    write_usps(tmp_path / "usps.t.bz2", np.zeros((3, 16, 16)), np.array([1, 2, 10]))
    images, _ = Usps(root=str(tmp_path), download=False, verify=False).images("nonmembers", **parts)
    assert images.labels.tolist() == [0, 1, 9]


def test_emnist_like_converts_the_test_part(parts):
    parts["test"] = digits().test
    converted, has_labels = EmnistLike().images("nonmembers", **parts)
    assert torch.equal(converted.images, emnist_like(parts["test"].images[:, 0]).unsqueeze(1))
    assert torch.equal(converted.labels, parts["test"].labels)
    assert has_labels
    as_stored, _ = EmnistLike(as_stored=True).images("nonmembers", **parts)
    assert torch.equal(as_stored.images, converted.images.mT)


def test_a_sweep_converts_the_same_images_once(parts, monkeypatch):
    first, _ = EmnistLike().images("nonmembers", **parts)
    monkeypatch.setattr(image_sources, "emnist_like", None)
    parts["test"] = LabelledImages(parts["test"].images.clone(), parts["test"].labels)
    assert torch.equal(EmnistLike().images("nonmembers", **parts)[0].images, first.images)


def test_noise_follows_its_seed_and_has_no_labels(parts):
    (first, has_labels), (again, _), (other, _) = (
        Noise(count=20, seed=seed).images("pool", **parts) for seed in (0, 0, 1)
    )
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert len(first) == 20
    assert not has_labels
    assert first.images.float().mean().item() == pytest.approx(127.5, abs=3)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_a_folder_of_images_of_any_kind(parts, folder, tmp_path, caplog):
    bright = np.full((50, 40, 3), 200, dtype=np.uint8)
    save(tmp_path / "b" / "colour.png", bright)
    save(tmp_path / "a" / "grey.jpg", np.zeros((28, 28), dtype=np.uint8))
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "b" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with caplog.at_level(logging.WARNING):
        found, has_labels = folder(tmp_path).images("pool", **parts)
    assert found.images.shape == (2, 1, 28, 28)
    assert found.images.float().mean(dim=(1, 2, 3)).tolist() == [0.0, 200.0]
    assert found.labels.tolist() == [0, 1]
    assert not has_labels
    assert f"pool.path={tmp_path}: 2 files are no images and are left out: notes.txt, broken.png" in caplog.text
    inverted, _ = folder(tmp_path, invert=True).images("pool", **parts)
    assert inverted.images.float().mean(dim=(1, 2, 3)).tolist() == [255.0, 55.0]


@pytest.mark.parametrize(("kind", "place", "value"), [("BLP", 4, 7), ("BLP", 8, 7), ("AVIF", -29, 0), ("PNG", 30, 0)])
def test_one_broken_image_of_any_format_is_left_out_and_counted_once(
    kind, place, value, parts, folder, tmp_path, caplog
):
    save(tmp_path / "whole.png", np.zeros((28, 28), dtype=np.uint8))
    content = io.BytesIO()
    Image.new("P", (28, 28)).save(content, kind) if kind == "BLP" else Image.new("L", (28, 28)).save(content, kind)
    broken = bytearray(content.getvalue())
    broken[place] = value
    (tmp_path / "broken").write_bytes(broken[:-12])
    with caplog.at_level(logging.WARNING):
        found, _ = folder(tmp_path).images("pool", **parts)
    assert len(found) == 1
    assert caplog.messages == [f"pool.path={tmp_path}: 1 files are no images and are left out: broken"]


def test_a_pool_is_decoded_once(parts, folder, tmp_path, monkeypatch, caplog):
    save(tmp_path / "one.png", np.full((28, 28), 7, dtype=np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    first, _ = folder(tmp_path).images("pool", **parts)
    monkeypatch.setattr(decoded, "decode", None)
    caplog.clear()
    again, _ = folder(tmp_path).images("pool", **parts)
    assert torch.equal(first.images, again.images)
    assert caplog.messages == [f"pool.path={tmp_path}: 1 files are no images and are left out: notes.txt"]


def test_a_pool_lies_in_the_home_that_a_tilde_means(parts, folder, tmp_path, monkeypatch):
    save(tmp_path / "mine" / "one.png", np.zeros((28, 28), dtype=np.uint8))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(folder("~/mine").images("pool", **parts)[0]) == 1


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_an_image_is_refused(parts, folder, exists, tmp_path):
    path = tmp_path if exists else tmp_path / "nowhere"
    with pytest.raises(UserError, match=r"^pool\.path=.*: holds no image that can be read, of 0 files; give a folder"):
        folder(path).images("pool", **parts)


def test_settings_show_in_the_name():
    assert repr(EmnistLike(as_stored=True)) == "EmnistLike(as_stored=True)"
