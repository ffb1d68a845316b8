"""The command line, run in this process, as importing PyTorch takes seconds."""

import logging
import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "run.py"
FAST = ("data=digits", "target=mlp", "target.epochs=1", "target.train_size=200", "surrogate.epochs=1", "trainer=cpu")


@dataclass(frozen=True)
class Ended:
    status: int
    said: str
    complained: str


@pytest.fixture
def run_py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., Ended]:
    """Return a function that runs `run.py` with arguments, in an empty folder."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", [str(RUN), *arguments])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")  # which the program sets to 1
        with pytest.raises(SystemExit) as exit:
            runpy.run_path(str(RUN), run_name="__main__")
        return Ended(exit.value.code, *capsys.readouterr())

    monkeypatch.chdir(tmp_path)
    return run


@pytest.fixture(autouse=True)
def log_and_interrupts_as_before() -> Iterator[None]:
    """Take back how Hydra sets up the log of a job, which would go on writing to what a test captured and closed."""
    handlers, level, raises = logging.root.handlers[:], logging.root.level, logging.raiseExceptions
    interrupted = signal.getsignal(signal.SIGINT)
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.raiseExceptions = raises
    signal.signal(signal.SIGINT, interrupted)
