"""Work in a program of its own, which it may start again as often as it likes.

Strategies such as ddp and fsdp start the whole command again for each device. A run must not be started again: it holds
the claim on the model that is trained, and the copies would wait for it.

    <folder>/.<name>/work             what is to be done
                     result           what it leaves
                     error-<when>     what one of the processes raised
                     killed           the signal that one of them was killed by
"""

import logging
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from privattack.errors import UserError, why
from privattack.models.devices import keep_quiet
from privattack.models.shadow_processes import can_be_sent, end_with

# By which whoever starts processes for devices tells them which they are.
RANKS = ("LOCAL_RANK", "GLOBAL_RANK", "RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK")
PROGRAM = "PRIVATTACK_PROGRAM"  # by which the program tells what it starts which process it is itself


def in_own_program(work: Callable[[Path], object], folder: Path, *, setting: str) -> bytes:
    """Do work in a program of its own, which ends with this process, even one that is killed, and return its result.

    Args:
        work: writes its result to the file that it is told. It can be pickled.
        folder: where both lie meanwhile.
        setting: why it has a program of its own, for sentences.

    Raises:
        UserError: the work raised it, cannot be pickled, or left no result.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as name:
        place = Path(name)
        try:
            with (place / "work").open("wb") as file:
                pickle.dump(work, file)
        except (pickle.PicklingError, AttributeError, TypeError, RuntimeError) as error:
            raise UserError(
                f"{setting}: what is trained cannot be sent to other processes ({why(error)}); use one device."
            ) from error
        status = _run(place)
        with suppress(FileNotFoundError):
            return (place / "result").read_bytes()
        errors = [pickle.loads(file.read_bytes()) for file in sorted(place.glob("error-*"))]
        for one in errors:
            if isinstance(one, UserError):
                raise one
        if status < 0 or not errors or (place / "killed").exists():
            raise UserError(
                f"{setting}: one of its processes was killed, as for want of memory; the same command goes on where it "
                "was."
            )
        raise UserError(f"{setting}: failed ({why(errors[0])}); verbose=true shows where.") from errors[0]


def _run(place: Path) -> int:
    """Let the program do its work, and return its exit status."""
    environment = {name: value for name, value in os.environ.items() if name not in (*RANKS, PROGRAM)}
    # What this process can import, and nothing that lies in the current folder besides.
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONSAFEPATH": "1"}
    verbose = logging.getLogger("lightning.pytorch").isEnabledFor(logging.INFO)
    words = [str(place), str(os.getpid()), *(["verbose"] if verbose else [])]
    program = psutil.Popen([sys.executable, "-m", __name__, *words], env=environment, start_new_session=True)
    try:
        return program.wait()
    finally:
        with suppress(ProcessLookupError, PermissionError):  # there is none left; PermissionError on macOS
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def _main(place: Path, run: int, *, verbose: bool) -> None:
    """Do what this process was started for, the program itself or one that its work started."""
    parent = int(os.environ.get(PROGRAM, run))
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    os.environ.setdefault(PROGRAM, str(os.getpid()))
    try:
        work = pickle.loads((place / "work").read_bytes())
        if not verbose:
            keep_quiet()  # after Lightning, which is loud again once it is imported
        work(place / "result")
    except BaseException as error:  # SystemExit, too, which a signal may have become
        with suppress(OSError):  # the run is gone
            _tell(error, place, verbose=verbose)
        os._exit(1)  # others may wait for this one, who would wait for them as it ends


def _tell(error: BaseException, place: Path, *, verbose: bool) -> None:
    """Leave what was raised here, unless that is only another process's end."""
    if verbose:
        traceback.print_exc()
    if any(map(_was_killed, psutil.Process().children())):
        (place / "killed").touch()
    if isinstance(error, Exception):
        sent = error if can_be_sent(error) else RuntimeError(why(error))
        written = place / f"{os.getpid()}"
        written.write_bytes(pickle.dumps(sent))
        written.rename(place / f"error-{time.time_ns()}")


def _was_killed(child: psutil.Process) -> bool:
    with suppress(ChildProcessError):  # somebody has looked already
        ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return ended is not None and ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
    return False


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), verbose="verbose" in sys.argv)
