"""The command line as its user meets it: processes, one of them killed, one interrupted, two at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).parents[1]
GROUPS = ("attack", "data", "defence", "experiment", "nonmembers", "surrogate", "target", "trainer")
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


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_training_goes_on_from_its_last_epoch_to_the_same_result(tmp_path, uninterrupted, sign):
    process = start(tmp_path)
    kept = until_an_epoch_is_kept(tmp_path / "outputs/store", process)
    process.send_signal(sign)
    said, _ = process.communicate(timeout=60)
    assert kept.exists()
    assert not (tmp_path / "run/result.json").exists()
    if sign == signal.SIGINT:
        assert process.returncode == 130
        assert "Interrupted." in said
        assert "Traceback" not in said
        assert not (tmp_path / "run").exists()

    ended(start(tmp_path))
    assert result(tmp_path / "run") == result(uninterrupted[0])
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    if sign == signal.SIGINT:  # the killed run's events lie in the same folder
        assert len(events.Scalars("target/loss")) < 40
    (stored,) = (tmp_path / "outputs/store").glob("*/weights.safetensors")
    (expected,) = (uninterrupted[0].parents[1] / "store").glob("*/weights.safetensors")
    assert all((load_file(stored)[name] == tensor).all() for name, tensor in load_file(expected).items())
    assert not kept.exists()
