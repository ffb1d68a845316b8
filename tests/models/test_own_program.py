"""Work in a program of its own: what it raises arrives, and nothing of it outlives the run."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from privattack.errors import SettingError, UserError
from privattack.models.own_program import in_own_program
from tests.forking import hear_interrupts

SETTING = "trainer.devices=2"
GONE = r"^trainer\.devices=2: one of its processes was killed, as for want of memory; the same command goes on"


def note(result: Path) -> None:
    result.write_text(f"{os.getpid()} {os.environ.get('WORLD_SIZE')}")


def refused(_: Path) -> None:
    raise SettingError({"lr": 3}, "is too large")


class Odd(Exception):
    def __init__(self, one, other):
        super().__init__(f"{one}{other}")


def odd(_: Path) -> None:
    raise Odd("odd", 1)


def killed(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def left(_: Path) -> None:
    """Raise what a process does that waits for another's part when that is killed."""
    child = subprocess.Popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    while runs(child.pid):
        time.sleep(0.1)
    error = ConnectionError("closed by peer")
    error.child = child  # nobody asks how it ended
    raise error


def told_to_end(_: Path) -> None:
    raise SystemExit  # as Lightning does where a process is told so


def endless(_: Path, file: Path) -> None:
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
    process, size = in_own_program(note, tmp_path, setting=SETTING).split()
    assert int(process) != os.getpid()
    assert size == b"None"
    assert not [*tmp_path.iterdir()]


def test_what_it_refuses_is_refused_here(tmp_path):
    with pytest.raises(SettingError, match=r"^lr=3: is too large\.$"):
        in_own_program(refused, tmp_path, setting=SETTING)


@pytest.mark.parametrize(
    ("work", "sentence"),
    [
        (killed, GONE),
        (left, GONE),
        (told_to_end, GONE),
        (odd, r"^trainer\.devices=2: failed \(RuntimeError: Odd: odd1\); verbose=true"),  # which no pickle brings
        (lambda _: None, r"^trainer\.devices=2: what is trained cannot be sent to other processes \(.*lambda"),
    ],
)
def test_a_program_that_leaves_no_result_is_a_sentence(work, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        in_own_program(work, tmp_path, setting=SETTING)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_run(number, tmp_path):
    script = textwrap.dedent(f"""
        import sys
        sys.path = {sys.path!r}
        from functools import partial
        from pathlib import Path
        from privattack.models.own_program import in_own_program
        from tests.models.test_own_program import endless
        in_own_program(partial(endless, file=Path({str(tmp_path / "file")!r})), Path({str(tmp_path)!r}), setting="")
    """)
    run = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL, preexec_fn=hear_interrupts)
    while not (tmp_path / "file").exists() or not (tmp_path / "file").read_text():
        assert run.poll() is None
        time.sleep(0.1)
    program, child = map(int, (tmp_path / "file").read_text().split())
    run.send_signal(number)
    assert run.wait(60) == -number
    # A killed run cannot end what its program has started; the processes of a training watch for that themselves.
    for _ in range(600):
        if runs(program) or (number == signal.SIGINT and runs(child)):
            time.sleep(0.1)
    assert not runs(program)
    assert number == signal.SIGKILL or not runs(child)
    if runs(child):
        os.kill(child, signal.SIGKILL)
