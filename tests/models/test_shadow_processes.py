import logging
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from privattack.errors import UserError
from privattack.models.shadow_processes import in_processes

# Runs at the very beginning of every process of Python's that is told to look here: before it reads what it is to do.
AT_ONCE = """
import os, signal, sys
from pathlib import Path
if "--multiprocessing-fork" in sys.argv:
    try:
        (Path(__file__).parent / "deadly").rmdir()
    except OSError:
        pass
    else:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def doubled(number: int, *, deadly: Path, load: bytes = b"") -> int:
    """Kill the process that this is called in, once for each folder in `deadly`; so does a kernel without memory."""
    for trap in deadly.iterdir():
        trap.rmdir()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def refused(number: int) -> int:
    raise UserError(f"shadow.lr={number}: is too large.")


def traps(folder: Path, count: int) -> Path:
    for number in range(count):
        (folder / str(number)).mkdir()
    return folder


@pytest.mark.parametrize(("killed", "done"), [(1, True), (2, False)])
def test_work_whose_process_is_killed_is_done_by_another(killed, done, tmp_path, caplog):
    work = partial(doubled, deadly=traps(tmp_path, killed))
    with caplog.at_level(logging.WARNING):
        answers = sorted(in_processes(work, range(6), processes=2))
    assert (answers == [0, 2, 4, 6, 8, 10]) is done
    left = ["the other 1", "the run's own process"]
    assert [message.split("again by ")[1] for message in caplog.messages] == [f"{who}." for who in left[:killed]]
    assert all("was killed (exit status -9), as for want of memory" in message for message in caplog.messages)


def test_a_process_that_is_killed_while_it_starts_hangs_nothing(tmp_path, monkeypatch, caplog):
    (tmp_path / "sitecustomize.py").write_text(AT_ONCE)
    for name in ("deadly", "harmless"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    work = partial(doubled, deadly=tmp_path / "harmless", load=bytes(10_000_000))  # more than a pipe holds
    with caplog.at_level(logging.WARNING):
        assert sorted(in_processes(work, range(3), processes=2)) == [0, 2, 4]
    assert len(caplog.messages) == 1


def test_what_the_work_raises_is_raised_here():
    with pytest.raises(UserError) as caught:
        list(in_processes(refused, [7], processes=1))
    assert str(caught.value) == "shadow.lr=7: is too large."
