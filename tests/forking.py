"""The command line in processes of its own that begin with PyTorch imported, which takes each several seconds."""

import multiprocessing
import os
import runpy
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

RUN = Path(__file__).parents[1] / "run.py"
SAID = "said.txt"


def start(folder: Path, *words: str) -> BaseProcess:
    """Start `run.py` with these words in a folder of its own, in whose `SAID` everything stands that it says."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["privattack.experiment", "privattack.command_line.main", "tests.forking"])
    folder.mkdir(exist_ok=True)
    process = context.Process(target=_run, args=(folder, words))
    process.start()
    return process


def said_by(process: BaseProcess, folder: Path, *, within: float = 300) -> str:
    """Wait for the end of a process, and return what it said."""
    process.join(within)
    said = (folder / SAID).read_text()
    assert process.exitcode is not None, f"still running after {within} seconds: {said}"
    return said


def _run(folder: Path, words: tuple[str, ...]) -> None:
    os.chdir(folder)
    with open(SAID, "a") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    # Tests that run in the background inherit deafness to interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["OMP_NUM_THREADS"] = "1"  # of processes that this one starts
    torch.set_num_threads(1)  # processes share the machine, and sums have one order
    sys.argv = [str(RUN), *words]
    runpy.run_path(str(RUN), run_name="__main__")


def hear_interrupts() -> None:
    """Let a process that is being started hear Ctrl-C: tests that run in the background inherit deafness to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
