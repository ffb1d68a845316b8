import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import SVHN

from privattack.data import archives
from privattack.data.archives import cifar10, cifar100, svhn
from privattack.errors import UserError
from tests.small_archives import IMAGES, batch, write_cifar10, write_cifar100, write_svhn


@pytest.fixture
def own_cifar10(tmp_path: Path) -> Path:
    """Return a root with five training batches and a test batch of 4 images each, in the official layout."""
    write_cifar10(tmp_path)
    return tmp_path


def test_cifar10_is_its_batches_in_order(own_cifar10):
    data = cifar10(root=str(own_cifar10), download=False, verify=False)
    assert (data.name, data.classes, data.shape) == ("cifar10", 10, (3, 32, 32))
    assert np.array_equal(data.train.images.numpy(), np.concatenate([IMAGES[name] for name in "abcde"]))
    assert data.train.labels[::4].tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(data.test.images.numpy(), IMAGES["f"])
    assert data.mean == pytest.approx(data.train.pixels().double().mean(dim=(0, 2, 3)).tolist())
    assert cifar10(root=str(own_cifar10), download=False, verify=False) is data


def test_cifar100_has_the_fine_labels(tmp_path):
    write_cifar100(tmp_path)
    data = cifar100(root=str(tmp_path), download=False, verify=False)
    assert (data.name, data.classes, data.train.labels.tolist()) == ("cifar100", 100, [99, 0, 50, 3])


def as_python_2_wrote_it(images: np.ndarray, labels: list[int]) -> bytes:
    """Return a batch in the operations of the official files, whose texts and bytes are Python 2's strings."""
    raw = images.tobytes()
    kind = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    content = b"T" + len(raw).to_bytes(4, "little") + raw
    shape = b"(K" + bytes([len(images)]) + b"M\x00\x0ct"  # 3072 numbers each
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01"
        + shape
        + kind
        + b"\x89"
        + content
    )
    numbers = b"".join(b"K" + bytes([label]) for label in labels)
    return b"\x80\x02}(U\x04data" + array + b"tbU\x06labels](" + numbers + b"eu."


def test_files_that_python_2_wrote_are_read(own_cifar10):
    content = as_python_2_wrote_it(IMAGES["a"], [1, 2, 3, 4])
    (own_cifar10 / "cifar-10-batches-py/test_batch").write_bytes(content)
    data = cifar10(root=str(own_cifar10), download=False, verify=False)
    assert np.array_equal(data.test.images.numpy(), IMAGES["a"])
    assert data.test.labels.tolist() == [1, 2, 3, 4]


def test_official_files_are_told_by_their_md5(own_cifar10):
    with pytest.raises(UserError, match=r"data_batch_1 under data.root=.* instead of c99cafc152244af753f735de768cd75f"):
        cifar10(root=str(own_cifar10), download=False)


def test_missing_files_name_the_archive(tmp_path):
    with pytest.raises(
        UserError, match=r"cifar-10-batches-py/data_batch_1 under .* is missing.*c58f30108f718f92721af3b"
    ):
        cifar10(root=str(tmp_path), download=False)


def test_archive_is_unpacked_without_a_network(own_cifar10, tmp_path):
    root = tmp_path / "fresh"
    root.mkdir()
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(own_cifar10 / "cifar-10-batches-py", "cifar-10-batches-py")
    data = cifar10(root=str(root), download=False, verify=False)
    assert data.checksum == cifar10(root=str(own_cifar10), download=False, verify=False).checksum
    (root / "cifar-10-batches-py/test_batch").unlink()
    (root / "cifar-10-python.tar.gz").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"cifar-10-python.tar.gz under .* is damaged \(test_batch cannot be unpacked"):
        cifar10(root=str(root), download=False, verify=False)


class Trap:
    """Unpickled, it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("content", [
    b"", b"no pickle", b"Pid\n.", pickle.dumps(3),
    pickle.dumps({"labels": [1]}), pickle.dumps({"data": None, "labels": [1]}),
    batch(IMAGES["a"].astype(np.int64), [0, 1, 2, 3]), batch(IMAGES["a"][:, :, :4], [0, 1, 2, 3]),
    batch(IMAGES["a"], [0, 1, 2, "x"]), batch(IMAGES["a"][:0], []), batch(IMAGES["a"], [0, 1, 2, 3])[:-40],
    batch(IMAGES["a"], [0.5, 1.0, 2.0, 3.0]),
])  # fmt: skip
def test_damaged_batch_is_named(own_cifar10, content):
    (own_cifar10 / "cifar-10-batches-py/test_batch").write_bytes(content)
    with pytest.raises(UserError, match=r"test_batch.* is damaged \(.*data=digits"):
        cifar10(root=str(own_cifar10), download=False, verify=False)


def test_labels_outside_the_classes_are_refused(own_cifar10):
    (own_cifar10 / "cifar-10-batches-py/test_batch").write_bytes(batch(IMAGES["a"], [0, 1, 2, 10]))
    with pytest.raises(UserError, match=r"labels from 0 to 10.*between 0 and 9"):
        cifar10(root=str(own_cifar10), download=False, verify=False)


def test_a_batch_cannot_run_code(own_cifar10, tmp_path):
    (own_cifar10 / "cifar-10-batches-py/test_batch").write_bytes(pickle.dumps({"data": Trap(tmp_path / "sprung")}))
    with pytest.raises(UserError, match=r"test_batch is damaged \(it asks for pathlib"):
        cifar10(root=str(own_cifar10), download=False, verify=False)
    assert not (tmp_path / "sprung").exists()


@pytest.fixture
def own_svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a root with 4 training and 4 test images, taken for the official files."""
    monkeypatch.setattr(SVHN, "split_list", write_svhn(tmp_path))
    return tmp_path


def test_svhns_digit_0_has_the_label_0(own_svhn):
    data = svhn(root=str(own_svhn), download=False)
    assert (data.name, data.classes, data.shape) == ("svhn", 10, (3, 32, 32))
    assert np.array_equal(data.train.images.numpy(), IMAGES["a"])
    assert data.test.labels.tolist() == [1, 2, 9, 0]


def test_svhn_is_read_by_no_reader_unless_it_is_official(own_svhn, monkeypatch):
    path = own_svhn / "test_32x32.mat"
    path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setattr(archives, "loadmat", None)
    with pytest.raises(
        UserError, match=r"test_32x32\.mat under .* is damaged \(its md5 is .* instead of .*data=digits"
    ):
        svhn(root=str(own_svhn), download=False)
