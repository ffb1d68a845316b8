"""Work in a program of its own: what it raises arrives, and nothing of it outlives the run."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from privattack.errors import SettingError, UserError
from privattack.models.own_program import in_own_program

SETTING = "trainer.devices=2"


def note(file: Path) -> None:
    file.write_text(f"{os.getpid()} {os.environ.get('WORLD_SIZE')}")


def refused() -> None:
    raise SettingError({"lr": 3}, "is too large")


class Odd(Exception):
    def __init__(self, one, other):
        super().__init__(f"{one}{other}")


def odd() -> None:
    raise Odd("odd", 1)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def endless(file: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    file.write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)


def runs(process: int) -> bool:
    """Say whether there is such a process that nobody only forgot to bury."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_work_is_done_elsewhere_and_takes_no_part_in_what_this_process_belongs_to(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "8")
    in_own_program(partial(note, tmp_path / "file"), setting=SETTING)
    process, size = (tmp_path / "file").read_text().split()
    assert int(process) != os.getpid()
    assert size == "None"


def test_what_it_raises_is_raised_here():
    with pytest.raises(SettingError, match=r"^lr=3: is too large\.$"):
        in_own_program(refused, setting=SETTING)


@pytest.mark.parametrize(
    ("work", "how"),
    [
        (killed, r"was killed \(exit status -9\)"),
        (odd, r"failed \(RuntimeError: Odd: odd1\)"),  # which no pickle brings
    ],
)
def test_a_program_that_ends_badly_is_a_sentence(work, how):
    with pytest.raises(
        UserError, match=rf"^trainer\.devices=2: one of its processes {how}, as for want of memory; the"
    ):
        in_own_program(work, setting=SETTING)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_run(number, tmp_path):
    script = textwrap.dedent(f"""
        import sys
        sys.path = {sys.path!r}
        from functools import partial
        from pathlib import Path
        from privattack.models.own_program import in_own_program
        from tests.models.test_own_program import endless
        in_own_program(partial(endless, Path({str(tmp_path / "file")!r})), setting="")
    """)
    run = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    while not (tmp_path / "file").exists() or not (tmp_path / "file").read_text():
        assert run.poll() is None
        time.sleep(0.1)
    program, child = map(int, (tmp_path / "file").read_text().split())
    run.send_signal(number)
    assert run.wait(60) == -number
    # A killed run cannot end what its program has started; the processes of a training watch for that themselves.
    while runs(program) or (number == signal.SIGINT and runs(child)):
        time.sleep(0.1)
    if runs(child):
        os.kill(child, signal.SIGKILL)
