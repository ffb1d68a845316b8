import gzip
import hashlib
import os
import socket
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from privattack.data import files
from privattack.data.files import SourceFile, obtain
from privattack.errors import UserError

LABELS = SourceFile("X/raw/x-labels-idx1-ubyte", "X/raw/x-labels-idx1-ubyte.gz", ("https://a.invalid/x.gz",), "0" * 32)


def ask(file: SourceFile, root: Path, *, download: bool = False, verify: bool = True) -> Path:
    (version,) = obtain([file], root=str(root), download=download, verify=verify, instead="data=digits needs no files")
    return version.path


def complaint(file: SourceFile, root: Path, *, download: bool = False, verify: bool = True) -> str:
    with pytest.raises(UserError) as raised:
        ask(file, root, download=download, verify=verify)
    sentence = str(raised.value)
    assert "\n" not in sentence
    for part in (file.path, f"data.root={root}", file.urls[0], f"md5 {file.archive_md5}", "data=digits"):
        assert part in sentence
    return sentence


@pytest.fixture
def network(monkeypatch):
    """Replace the network: tell what each address answers, and see which were asked."""
    answers: dict[str, bytes | Exception] = {}
    asked: list[str] = []

    def download_url(url: str, root: str, filename: str, md5: str) -> None:
        asked.append(url)
        answer = answers.get(url, URLError("Name or service not known"))
        if isinstance(answer, Exception):
            raise answer
        time.sleep(0.02)  # so that jobs without a lock would meet
        Path(root, filename).write_bytes(answer)

    monkeypatch.setattr(files, "download_url", download_url)
    return answers, asked


def test_whole_file_is_returned_from_a_root_that_gains_nothing(tmp_path, write_idx):
    content = write_idx(tmp_path / LABELS.path, np.arange(10))
    known = replace(LABELS, md5=hashlib.md5(content).hexdigest())
    assert ask(known, tmp_path, download=True) == tmp_path / LABELS.path
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["x-labels-idx1-ubyte"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda content: content[:-1], "it has 17 bytes, its header promises 18"),
        (lambda content: content + b"\0", "it has 19 bytes, its header promises 18"),
        (lambda content: b"", "does not begin like an IDX file"),
        (lambda content: b"<html>" + content, "does not begin like an IDX file"),
        (lambda content: b"\0\0\x08\x03" + content[4:], "does not begin like an IDX file"),
        (lambda content: content[:4] + bytes(4), r"its header promises the shape [0]"),
    ],
)
@pytest.mark.parametrize("verify", [True, False])
def test_damaged_file_is_named_and_left_as_it_is(tmp_path, write_idx, network, change, why, verify):
    damaged = change(write_idx(tmp_path / LABELS.path, np.arange(10)))
    (tmp_path / LABELS.path).write_bytes(damaged)
    sentence = complaint(LABELS, tmp_path, download=True, verify=verify)
    assert "is damaged" in sentence
    assert why in sentence
    assert "delete it" in sentence
    assert (tmp_path / LABELS.path).read_bytes() == damaged
    assert network[1] == []


def test_images_must_be_28_by_28(tmp_path, write_idx):
    images = replace(LABELS, path="X/raw/x-images-idx3-ubyte")
    write_idx(tmp_path / images.path, np.zeros((2, 16, 16)))
    assert "[2, 16, 16]" in complaint(images, tmp_path)


def test_one_changed_byte_is_found_by_the_md5_unless_verify_is_false(tmp_path, write_idx):
    content = write_idx(tmp_path / LABELS.path, np.arange(10))
    known = replace(LABELS, md5=hashlib.md5(content).hexdigest())
    write_idx(tmp_path / LABELS.path, np.arange(10)[::-1])
    assert f"instead of {known.md5}" in complaint(known, tmp_path)
    ask(known, tmp_path, verify=False)


def test_file_that_is_damaged_after_a_first_look_is_noticed(tmp_path, write_idx):
    content = write_idx(tmp_path / LABELS.path, np.arange(10))
    known = replace(LABELS, md5=hashlib.md5(content).hexdigest())
    ask(known, tmp_path)
    write_idx(tmp_path / LABELS.path, np.zeros(10))
    os.utime(tmp_path / LABELS.path, ns=(1, 1))
    assert "is damaged" in complaint(known, tmp_path)


def test_missing_file_without_download_is_named_and_nothing_is_written(tmp_path, network):
    assert "is missing, and download=false" in complaint(LABELS, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert network[1] == []


def test_missing_file_offline_tells_why_and_where_to_put_it(tmp_path, network):
    sentence = complaint(LABELS, tmp_path, download=True)
    assert "is missing and could not be downloaded (Name or service not known)" in sentence
    assert f"put it at {tmp_path / LABELS.archive}" in sentence
    assert not (tmp_path / LABELS.path).exists()


def test_a_silent_server_is_given_up_soon(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(files, "NETWORK_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.gz"
        assert "timed out" in complaint(replace(LABELS, urls=(url,)), tmp_path, download=True)
    assert socket.getdefaulttimeout() is None
    assert capfd.readouterr() == ("", "")


def test_next_address_is_tried_and_nothing_partial_stays(tmp_path, write_idx, network):
    content = write_idx(tmp_path / "source.gz", np.arange(10))
    mirrored = replace(LABELS, urls=("https://a.invalid/x.gz", "https://b.invalid/x.gz"))
    network[0]["https://b.invalid/x.gz"] = (tmp_path / "source.gz").read_bytes()
    root = tmp_path / "root"
    assert ask(mirrored, root, download=True).read_bytes() == content
    assert network[1] == list(mirrored.urls)
    assert sorted(os.listdir(root / "X/raw")) == ["x-labels-idx1-ubyte", "x-labels-idx1-ubyte.gz"]


def test_an_interrupted_download_leaves_nothing_that_could_be_taken_for_the_file(tmp_path, monkeypatch):
    def stops(url: str, root: str, filename: str, md5: str) -> None:
        Path(root, filename).write_bytes(b"half")
        raise ConnectionResetError("Connection reset by peer")

    monkeypatch.setattr(files, "download_url", stops)
    assert "Connection reset by peer" in complaint(LABELS, tmp_path, download=True)
    assert os.listdir(tmp_path / "X/raw") == []


def test_jobs_that_start_together_download_once(tmp_path, write_idx, network):
    write_idx(tmp_path / "source.gz", np.arange(10))
    network[0][LABELS.urls[0]] = (tmp_path / "source.gz").read_bytes()
    jobs = [threading.Thread(target=ask, args=(LABELS, tmp_path), kwargs={"download": True}) for _ in range(6)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert (tmp_path / LABELS.path).is_file()
    assert len(network[1]) == 1


def test_archive_put_in_place_by_hand_is_unpacked_without_network(tmp_path, write_idx, network):
    content = write_idx(tmp_path / LABELS.archive, np.arange(10))
    whole = replace(LABELS, archive_md5=hashlib.md5((tmp_path / LABELS.archive).read_bytes()).hexdigest())
    assert ask(whole, tmp_path).read_bytes() == content
    assert network[1] == []


def test_zip_gives_up_the_one_file_that_is_needed(tmp_path):
    packed = replace(LABELS, archive="X/raw/gzip.zip")
    (tmp_path / "X/raw").mkdir(parents=True)
    content = b"\0\0\x08\x01\0\0\0\x02ab"
    with zipfile.ZipFile(tmp_path / packed.archive, "w") as archive:
        archive.writestr("gzip/x-labels-idx1-ubyte.gz", gzip.compress(content))
        archive.writestr("gzip/y-labels-idx1-ubyte.gz", gzip.compress(b"another"))
    assert ask(packed, tmp_path, verify=False).read_bytes() == content
    assert sorted(os.listdir(tmp_path / "X/raw")) == ["gzip.zip", "x-labels-idx1-ubyte"]


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("archive", ["x-labels-idx1-ubyte.gz", "gzip.zip"])
def test_damaged_archive_is_named_and_left_as_it_is(tmp_path, network, archive, verify):
    file = replace(LABELS, archive=f"X/raw/{archive}")
    (tmp_path / "X/raw").mkdir(parents=True)
    (tmp_path / file.archive).write_bytes(gzip.compress(bytes(100))[:-20])
    with pytest.raises(UserError, match=f"^X/raw/{archive} under data.root=.* is damaged"):
        ask(file, tmp_path, download=True, verify=verify)
    assert (tmp_path / file.archive).is_file()
    assert network[1] == []


def test_root_that_cannot_be_written_is_named(tmp_path, network):
    (tmp_path / "file").write_text("no folder")
    sentence = complaint(LABELS, tmp_path / "file", download=True)
    assert "set data.root to a folder that you can read and write" in sentence


def test_write_protected_root_is_named_and_stays_as_it_is(tmp_path, network):
    root = tmp_path / "protected"
    root.mkdir(mode=0o555)
    sentence = complaint(LABELS, root, download=True)
    assert "is missing and cannot be put there" in sentence
    assert "set data.root to a folder that you can read and write" in sentence
    assert os.listdir(root) == []
    assert network[1] == []


def test_write_protected_root_serves_the_files_that_are_there(tmp_path, write_idx):
    content = write_idx(tmp_path / LABELS.path, np.arange(10))
    folders = (tmp_path / "X/raw", tmp_path / "X", tmp_path)
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert ask(LABELS, tmp_path, download=True).read_bytes() == content
        assert os.listdir(tmp_path) == ["X"]
    finally:
        for folder in folders:
            folder.chmod(0o755)
