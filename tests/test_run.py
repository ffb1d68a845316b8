"""The command line as its user meets it: processes, one of them killed, one interrupted, two at once."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from privattack.experiment import run
from tests.composing import composed
from tests.forking import hear_interrupts, said_by, start

ROOT = Path(__file__).parents[1]
GROUPS = sorted(path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "hydra")
# Enough epochs that a signal finds the training going on, few enough images that they pass quickly.
EPOCHS = 40
SETTINGS = (
    "data=digits", f"target.epochs={EPOCHS}", "target.train_size=256", "surrogate.epochs=1", "repetitions=1",
    "trainer=cpu",
)  # fmt: skip


def begun(folder: Path, name: str = "run") -> BaseProcess:
    return start(folder, *SETTINGS, f"hydra.run.dir={name}")


def result(folder: Path) -> dict:
    content = json.loads((folder / "result.json").read_text())
    del content["timings"], content["target"]["trained"], content["run"]["config"]["store"]
    return content


def has_kept_an_epoch(folder: Path, process: BaseProcess) -> bool:
    if any(folder.glob("outputs/store/unfinished/*/training.ckpt")):
        return True
    if not process.is_alive():
        pytest.fail(f"the process ended before a signal could be sent:\n{said_by(process, folder)}")
    return False


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the same run, told in this process without any stop."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    config = composed(*SETTINGS, f"store={folder / 'outputs/store'}")
    choices = {"attack": "mea", "defence": "none", "data": "digits", "nonmembers": "holdout", "pool": "test"}
    (folder / "run").mkdir()
    run(config, choices, folder / "run")
    return folder


def test_help_names_every_group_and_option_and_imports_nothing_slow():
    program = (
        "import runpy, sys\n"
        "sys.argv = ['run.py', '--help']\n"
        "try:\n"
        "    runpy.run_path('run.py', run_name='__main__')\n"
        "finally:\n"
        "    slow = {'torch', 'lightning', 'sklearn', 'pydantic'} & set(sys.modules)\n"
        "    print('IMPORTED', sorted(slow))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "IMPORTED []" in done.stdout
    for group in GROUPS:
        (block,) = re.findall(rf"^  {group}=\n((?:    .*\n)+)", done.stdout, flags=re.MULTILINE)
        named = [line.split()[0] for line in block.splitlines()]
        assert named == sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))
    for setting in ("seed:", "budget:", "repetitions:", "store:", "epochs:", "gamma:", "train_size:", "checkpoint:"):
        assert setting in done.stdout


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> dict[signal.Signals, tuple[Path, int, str]]:
    """Return, by signal, the folder of a run stopped in its training, its exit status and what it said."""
    folders = {sign: tmp_path_factory.mktemp(sign.name) for sign in (signal.SIGKILL, signal.SIGINT)}
    processes = {sign: begun(folder) for sign, folder in folders.items()}
    left = dict(processes)
    while left:
        for sign in [sign for sign, process in left.items() if has_kept_an_epoch(folders[sign], process)]:
            os.kill(left.pop(sign).pid, sign)
        time.sleep(0.005)
    said = {sign: said_by(process, folders[sign]) for sign, process in processes.items()}
    return {sign: (folders[sign], process.exitcode, said[sign]) for sign, process in processes.items()}


def test_an_interrupted_run_says_so_and_leaves_the_store_alone(stopped):
    folder, status, said = stopped[signal.SIGINT]
    assert status == 130
    assert "Interrupted. The store is sound; the same command goes on from the last epoch" in said
    assert "Traceback" not in said
    assert not (folder / "run").exists()
    assert len(list(folder.glob("outputs/store/unfinished/*/training.ckpt"))) == 1


def test_an_interrupt_while_the_program_loads_ends_it_in_silence(tmp_path):
    # Before the program's first line, Ctrl-C is the interpreter's: what it says and returns then depends on its luck.
    begun = (
        "import runpy, sys\n"
        "from privattack.interrupts import end_in_silence\n"
        "end_in_silence()\n"
        "print('begun', flush=True)\n"
        "runpy.run_path('run.py', run_name='__main__')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", begun, *SETTINGS, f"hydra.run.dir={tmp_path / 'run'}"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=hear_interrupts,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.2)  # Hydra, and then PyTorch, are being imported
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_an_interrupt_once_all_is_done_ends_the_program_in_silence():
    program = (
        "import atexit, os, signal, sys\n"
        "sys.argv = ['run.py', '--help']\n"
        "from privattack.__main__ import main\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, preexec_fn=hear_interrupts
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_two_processes_at_once_finish_a_killed_training_once_to_the_same_result(stopped, uninterrupted):
    folder, status, _ = stopped[signal.SIGKILL]
    assert status == -signal.SIGKILL
    assert not (folder / "run/result.json").exists()
    for process in [begun(folder, name) for name in ("one", "other")]:
        said = said_by(process, folder)
        assert process.exitcode == 0, said
    runs = [folder / "one", folder / "other"]
    trained = [json.loads((path / "result.json").read_text())["target"]["trained"] for path in runs]
    assert sorted(trained) == [False, True]
    assert result(runs[0]) == result(runs[1]) == result(uninterrupted / "run")

    events = EventAccumulator(str(runs[trained.index(True)])).Reload()
    assert 0 < len(events.Scalars("target/loss")) < EPOCHS
    (weights,) = folder.glob("outputs/store/*/weights.safetensors")
    (expected,) = uninterrupted.glob("outputs/store/*/weights.safetensors")
    assert weights.read_bytes() == expected.read_bytes()
    assert not list(folder.glob("outputs/store/unfinished/*/training.ckpt"))
