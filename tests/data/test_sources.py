import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from privattack.data import files, sources
from privattack.data.sources import digits, emnist, emnist_part, fashion_mnist, mnist, mnist_part, usps, usps_part
from privattack.errors import UserError

REAL = os.environ.get("PRIVATTACK_DATA")
needs_real_data = pytest.mark.skipif(REAL is None, reason="PRIVATTACK_DATA is unset")


@pytest.fixture
def own_emnist(tmp_path, write_idx):
    """Return a root and the upright images, which EMNIST's layout stores transposed, of 5 test letters."""
    upright = np.random.default_rng(1).integers(0, 256, (5, 28, 28))
    prefix = tmp_path / "EMNIST/raw/emnist-letters-test"
    write_idx(Path(f"{prefix}-images-idx3-ubyte"), upright.transpose(0, 2, 1))
    write_idx(Path(f"{prefix}-labels-idx1-ubyte"), np.array([1, 2, 3, 25, 26]))
    return tmp_path, torch.from_numpy(upright).to(torch.uint8)


@needs_real_data
def test_mnist_is_mnist():
    data = mnist(root=REAL, download=False)
    assert (len(data.train), len(data.test), data.classes) == (60_000, 10_000, 10)
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test.images.to(torch.float32).mean().item() == pytest.approx(0.1325 * 255, abs=0.1)


@needs_real_data
def test_fashion_mnist_is_fashion_mnist():
    data = fashion_mnist(root=REAL, download=False)
    assert (data.name, len(data.train), len(data.test), data.classes) == ("fashion_mnist", 60_000, 10_000, 10)
    assert data.train.labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert data.mean == pytest.approx([0.2860], abs=1e-4)
    assert data.std == pytest.approx([0.3530], abs=1e-4)


@needs_real_data
def test_usps_test_part_is_usps():
    part = usps_part(train=False, root=REAL, download=False)
    assert part.images.shape == (2007, 1, 28, 28)
    assert part.labels.bincount().tolist() == [359, 264, 198, 166, 200, 160, 170, 147, 166, 177]


def test_digits_are_the_same_in_every_process_and_fill_the_range():
    data = digits()
    assert (len(data.train), len(data.test), data.classes) == (1200, 597, 10)
    assert data.train.labels[:4].tolist() == [0, 1, 2, 3]
    assert int(data.train.images.max()) == 255
    assert digits().checksum == data.checksum


def test_digits_keep_their_place_when_enlarged():
    images = digits().train.images.to(torch.float32)
    assert images.mean().item() == pytest.approx(255 / 16 * 4.9, rel=0.03)
    weight = images.sum(dim=0)
    centre = (weight.sum(dim=0) * torch.arange(28)).sum() / weight.sum()
    assert centre.item() == pytest.approx(13.5, abs=1.0)


def test_own_files_in_mnist_layout_are_read_whole(own_mnist):
    data = mnist(root=str(own_mnist), download=False, verify=False)
    assert (len(data.train), len(data.test)) == (20, 10)
    assert data.test.labels.tolist() == list(range(10))
    raw = (own_mnist / "MNIST/raw/t10k-images-idx3-ubyte").read_bytes()
    assert data.test.images.numpy().tobytes() == raw[16:]


def test_own_files_are_not_taken_for_mnist(own_mnist):
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte under data.root=.*verify=false"):
        mnist(root=str(own_mnist), download=False)


def test_fashion_mnist_is_read_and_checked_as_mnist_is(own_mnist):
    shutil.copytree(own_mnist / "MNIST", own_mnist / "FashionMNIST")
    data = fashion_mnist(root=str(own_mnist), download=False, verify=False)
    assert torch.equal(data.train.images, mnist(root=str(own_mnist), download=False, verify=False).train.images)
    assert data.mean == pytest.approx([data.train.pixels().double().mean().item()])
    with pytest.raises(UserError, match=r"FashionMNIST/raw/train-images.* instead of f4a8712d7a061bf5bd6d2ca38dc4d50a"):
        fashion_mnist(root=str(own_mnist), download=False)


def test_checksum_is_the_md5_over_both_parts(own_mnist):
    data = mnist(root=str(own_mnist), download=False, verify=False)
    parts = (data.train.images, data.train.labels, data.test.images, data.test.labels)
    everything = b"".join(tensor.numpy().tobytes() for tensor in parts)
    assert data.checksum == hashlib.md5(everything).hexdigest()


def test_second_job_of_a_sweep_reads_nothing(own_mnist, monkeypatch):
    first = mnist(root=str(own_mnist), download=False, verify=False)
    monkeypatch.setattr(sources, "read_image_file", None)
    monkeypatch.setattr(files, "calculate_md5", None)
    second = mnist(root=str(own_mnist), download=False, verify=False)
    assert second.train.images.data_ptr() == first.train.images.data_ptr()


def test_file_that_changed_since_is_read_again(own_mnist, write_idx):
    before = mnist(root=str(own_mnist), download=False, verify=False)
    path = own_mnist / "MNIST/raw/t10k-labels-idx1-ubyte"
    write_idx(path, np.full(10, 7))
    os.utime(path, ns=(1, 1))
    after = mnist(root=str(own_mnist), download=False, verify=False)
    assert after.test.labels.tolist() == [7] * 10
    assert after.checksum != before.checksum


def test_one_part_needs_only_its_own_files(own_mnist):
    for path in (own_mnist / "MNIST/raw").glob("train-*"):
        path.unlink()
    assert len(mnist_part(train=False, root=str(own_mnist), download=False, verify=False)) == 10


def test_torchvisions_old_pt_files_are_not_read(own_mnist):
    processed = own_mnist / "MNIST/processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(1, 28, 28, dtype=torch.uint8), torch.zeros(1)), processed / name)
    assert len(mnist(root=str(own_mnist), download=False, verify=False).train) == 20


def test_labels_and_images_must_belong_together(own_mnist):
    raw = own_mnist / "MNIST/raw"
    shutil.copy(raw / "train-labels-idx1-ubyte", raw / "t10k-labels-idx1-ubyte")
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte holds 20 labels for 10 images"):
        mnist(root=str(own_mnist), download=False, verify=False)


def test_labels_outside_the_classes_are_refused(own_mnist, write_idx):
    write_idx(own_mnist / "MNIST/raw/t10k-labels-idx1-ubyte", np.arange(1, 11))
    with pytest.raises(UserError, match=r"labels from 1 to 10.*between 0 and 9"):
        mnist(root=str(own_mnist), download=False, verify=False)


def test_emnist_is_upright_with_labels_from_0(own_emnist):
    root, upright = own_emnist
    part = emnist_part(split="letters", train=False, root=str(root), download=False)
    assert torch.equal(part.images[:, 0], upright)
    assert part.labels.tolist() == [0, 1, 2, 24, 25]


def test_emnist_as_stored_is_transposed(own_emnist):
    root, upright = own_emnist
    part = emnist_part(split="letters", train=False, root=str(root), download=False, as_stored=True)
    assert torch.equal(part.images[:, 0], upright.mT)


def test_emnist_as_a_data_set(own_emnist):
    root, _ = own_emnist
    for path in list((root / "EMNIST/raw").iterdir()):
        shutil.copy(path, path.with_name(path.name.replace("test", "train")))
    data = emnist(split="letters", root=str(root), download=False)
    assert (data.name, data.classes, len(data.train), len(data.test)) == ("emnist_letters", 26, 5, 5)
    as_stored = emnist(split="letters", root=str(root), download=False, as_stored=True)
    assert as_stored.checksum != data.checksum


def test_missing_emnist_names_the_file_and_its_archive(tmp_path):
    with pytest.raises(UserError) as raised:
        emnist(split="digits", root=str(tmp_path), download=False)
    for part in ("emnist-digits-train-images-idx3-ubyte", "gzip.zip", "58c8d27c78d2", "data=digits"):
        assert part in str(raised.value)


def test_unknown_split_is_named(tmp_path):
    with pytest.raises(UserError, match=r"^split=byclass: needs one of digits, letters\.$"):
        emnist(split="byclass", root=str(tmp_path), download=False)


def test_usps_is_enlarged_and_numbered_from_0(tmp_path, write_usps):
    images = np.full((3, 16, 16), -1.0)
    images[1] = 1.0
    images[2, :, :8] = 1.0
    for name in ("usps.bz2", "usps.t.bz2"):
        write_usps(tmp_path / name, images, np.array([1, 2, 10]))
    data = usps(root=str(tmp_path), download=False, verify=False)
    assert data.test.labels.tolist() == [0, 1, 9]
    assert data.test.images[0].unique().tolist() == [0]
    assert data.test.images[1].unique().tolist() == [255]
    assert data.test.images[2, ..., :13].unique().tolist() == [255]
    assert data.test.images[2, ..., 15:].unique().tolist() == [0]


def test_usps_is_checked_by_its_md5(tmp_path, write_usps):
    write_usps(tmp_path / "usps.t.bz2", np.zeros((3, 16, 16)), np.array([1, 2, 10]))
    with pytest.raises(UserError, match=r"usps.t.bz2 under .* instead of 8ea070ee2aca1ac39742fdd1ef5ed118"):
        usps_part(train=False, root=str(tmp_path), download=False)


@pytest.mark.parametrize("cut", [slice(0, -30), slice(10, None)])
def test_usps_that_cannot_be_read_is_named(tmp_path, write_usps, cut):
    path = tmp_path / "usps.t.bz2"
    write_usps(path, np.zeros((3, 16, 16)), np.array([1, 2, 10]))
    path.write_bytes(path.read_bytes()[cut])
    with pytest.raises(UserError, match=r"usps.t.bz2 is damaged .* data=digits"):
        usps_part(train=False, root=str(tmp_path), download=False, verify=False)
