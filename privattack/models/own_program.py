"""Work in a program of its own, which it may start again as often as it likes.

Strategies such as ddp and fsdp start the whole command again for each device. A run must not be started again: it holds
the claim on the model that is trained, and the copies would wait for it.
"""

import logging
import os
import pickle
import sys
import tempfile
import threading
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


def in_own_program(work: Callable[[], object], *, setting: str) -> None:
    """Do work in a program of its own, which ends with this process, even one that is killed.

    Args:
        work: can be pickled.
        setting: why it has a program of its own, for the sentence where that is killed.

    Raises:
        UserError: the work raised it, or one of its processes was killed or failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "work")
        place.write_bytes(pickle.dumps(work))
        environment = {name: value for name, value in os.environ.items() if name not in RANKS}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        verbose = logging.getLogger("lightning.pytorch").isEnabledFor(logging.INFO)
        words = [str(place), str(os.getpid()), *(["verbose"] if verbose else [])]
        program = psutil.Popen([sys.executable, "-m", __name__, *words], env=environment, start_new_session=True)
        try:
            status = program.wait()
        finally:
            _end(program)
        if status == 0:
            return
        error = pickle.loads(_error(place).read_bytes()) if _error(place).exists() else None
        if isinstance(error, UserError):
            raise error
        how = f"was killed (exit status {status})" if error is None else f"failed ({why(error)})"
        raise UserError(
            f"{setting}: one of its processes {how}, as for want of memory; the same command goes on where it was."
        ) from error


def _end(program: psutil.Popen) -> None:
    """End a program and what it has started, if they still run."""
    with suppress(psutil.NoSuchProcess):
        for one in [program, *program.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    program.wait()


def _error(place: Path) -> Path:
    return place.with_suffix(".error")


def _main(place: Path, run: int, *, verbose: bool) -> None:
    """Do what this process was started for, the program itself or one that its work started."""
    first = "LOCAL_RANK" not in os.environ
    threading.Thread(target=end_with, args=(run if first else os.getppid(),), daemon=True).start()
    try:
        work = pickle.loads(place.read_bytes())
        if not verbose:
            keep_quiet()  # after Lightning, which is loud again once it is imported
        work()
    except Exception as error:
        if verbose:
            traceback.print_exc()
        sent = error if can_be_sent(error) else RuntimeError(why(error))
        # What the others raise after the first is only that it is gone.
        with suppress(FileExistsError), _error(place).open("xb") as file:
            file.write(pickle.dumps(sent))
        os._exit(1)  # others may wait for this one, who would wait for them as it ends


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), verbose="verbose" in sys.argv)
