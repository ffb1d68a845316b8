"""The command line as its user meets it: processes, one of them killed, one interrupted, two at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).parents[1]
GROUPS = sorted(path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "hydra")
# Enough epochs that a signal finds the training going on, few enough images that they pass quickly.
SETTINGS = ("data=digits", "target.epochs=40", "target.train_size=256", "surrogate.epochs=1", "trainer=cpu")


def start(folder: Path, *overrides: str) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "run.py"), *SETTINGS, "hydra.run.dir=run", *overrides]
    # One thread each: they share the machine, and sums have one order.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def ended(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=170)
    assert process.returncode == 0, output
    return output


def result(folder: Path) -> dict:
    content = json.loads((folder / "result.json").read_text())
    del content["timings"], content["target"]["trained"], content["run"]["config"]["store"]
    return content


def until_an_epoch_is_kept(store: Path, process: subprocess.Popen) -> Path:
    while process.poll() is None:
        if kept := list(store.glob("*/training.ckpt")):
            return kept[0]
        time.sleep(0.005)
    pytest.fail(f"the process ended before a signal could be sent:\n{process.communicate()[0]}")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the folders of two runs that were started together and share a store."""
    folder = tmp_path_factory.mktemp("together")
    store = f"store={folder / 'store'}"
    runs = [start(folder / "first", store), start(folder / "second", store)]
    for run in runs:
        ended(run)
    return [folder / "first/run", folder / "second/run"]


def test_help_names_every_group_and_option_and_imports_no_torch():
    program = (
        "import runpy, sys\n"
        "sys.argv = ['run.py', '--help']\n"
        "try:\n"
        "    runpy.run_path('run.py', run_name='__main__')\n"
        "finally:\n"
        "    slow = {'torch', 'lightning', 'sklearn'} & set(sys.modules)\n"
        "    print('IMPORTED', sorted(slow))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "IMPORTED []" in done.stdout
    for group in GROUPS:
        options = sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))
        assert f"{group}: {', '.join(options)}\n" in done.stdout
    for setting in ("seed:", "budget:", "repetitions:", "store:", "epochs:", "gamma:", "train_size:", "checkpoint:"):
        assert setting in done.stdout


def test_two_processes_at_once_train_one_target(uninterrupted):
    written = [json.loads((folder / "result.json").read_text()) for folder in uninterrupted]
    assert sorted(one["target"]["trained"] for one in written) == [False, True]
    assert result(uninterrupted[0]) == result(uninterrupted[1])
    store = uninterrupted[0].parents[1] / "store"
    assert len(list(store.glob("*/weights.safetensors"))) == 1


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> dict[signal.Signals, tuple[Path, int, str]]:
    """Return, by signal, the folder of a run stopped in its training, its exit status and what it said."""
    folders = {sign: tmp_path_factory.mktemp(sign.name) for sign in (signal.SIGKILL, signal.SIGINT)}
    processes = {sign: start(folder) for sign, folder in folders.items()}
    for sign, process in processes.items():
        until_an_epoch_is_kept(folders[sign] / "outputs/store", process)
        process.send_signal(sign)
    said = {sign: process.communicate(timeout=60)[0] for sign, process in processes.items()}
    return {sign: (folders[sign], process.returncode, said[sign]) for sign, process in processes.items()}


def test_an_interrupted_run_says_so_and_leaves_the_store_alone(stopped):
    folder, status, said = stopped[signal.SIGINT]
    assert status == 130
    assert said.strip().endswith("Interrupted. The store is sound; the same command goes on from the last epoch.")
    assert "Traceback" not in said
    assert not (folder / "run").exists()


def test_a_stopped_training_goes_on_from_its_last_epoch_to_the_same_result(stopped, uninterrupted):
    folders = [folder for folder, _, _ in stopped.values()]
    assert all(len(list(folder.glob("outputs/store/*/training.ckpt"))) == 1 for folder in folders)
    assert not any((folder / "run/result.json").exists() for folder in folders)
    for process in [start(folder, "hydra.run.dir=again") for folder in folders]:
        ended(process)
    (expected,) = (uninterrupted[0].parents[1] / "store").glob("*/weights.safetensors")
    for folder in folders:
        assert result(folder / "again") == result(uninterrupted[0])
        trained_again = EventAccumulator(str(folder / "again")).Reload().Scalars("target/loss")
        assert 0 < len(trained_again) < 40
        (weights,) = folder.glob("outputs/store/*/weights.safetensors")
        assert weights.read_bytes() == expected.read_bytes()
        assert not list(folder.glob("outputs/store/*/training.ckpt"))
