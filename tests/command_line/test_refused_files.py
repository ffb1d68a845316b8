"""What the operating system refuses is named: the file, and the setting that put it there."""

import errno
import os
import re
from pathlib import Path

import pytest

from privattack import atomic_write
from privattack.command_line.refused_files import refusal
from tests.command_line.conftest import FAST


@pytest.fixture
def fill(monkeypatch):
    """Return a function that fills the disk below a folder: files appear, and nothing can be written into them."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("nothing here tells the path of an open file")

    def call(folder: Path) -> None:
        def fsync(descriptor: int) -> None:
            if Path(os.readlink(f"/proc/self/fd/{descriptor}")).is_relative_to(folder):
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(atomic_write.os, "fsync", fsync)

    return call


@pytest.mark.parametrize(
    ("folder", "setting", "blamed"),
    [
        ("mine", "store=mine", r"store=mine: {place}/unfinished/\w+/training\.ckpt"),
        ("run", "hydra.run.dir=run", r"outputs: {place}/splits\.npz"),
    ],
)
def test_a_full_disk_is_named_by_the_file_and_its_setting(folder, setting, blamed, run_py, fill, tmp_path):
    fill(tmp_path / folder)
    ended = run_py(*FAST, setting)
    assert ended.status == 1
    why = r" cannot be read or written \(No space left on device\); make room there, or set another place\.\n"
    assert re.fullmatch("Error: " + blamed.format(place=tmp_path / folder) + why, ended.complained)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("path", "blamed"),
    [
        ("/data/store/x/y", "store=/data/store: "),
        ("/data/MNIST", "data.root=/data: "),
        ("/runs/a/result.json", "outputs: "),
        ("/etc/shadow", "/etc/shadow: cannot be read"),
    ],
)
def test_what_is_refused_is_blamed_on_the_nearest_setting_that_holds_it(path, blamed):
    places = {"outputs": Path("/runs/a"), "store=/data/store": Path("/data/store"), "data.root=/data": Path("/data")}
    said = refusal(PermissionError(errno.EACCES, "Permission denied", path), places)
    assert said.startswith(blamed)
    assert path in said


def test_what_has_no_file_is_no_folders_fault():
    said = refusal(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), {"outputs": Path("/runs")})
    assert said.startswith("the operating system refused what the run needs (Connection reset by peer)")
    assert "None" not in said
