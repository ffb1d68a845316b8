"""A run that fails leaves the folder that it was given as it found it."""

from pathlib import Path

import pytest

from tests.command_line.conftest import FAST

MINE = (
    "thesis.txt", "roc.csv", "run.log", "splits.npz", "events.out.tfevents.1", ".hydra/config.yaml", ".hydra/notes.txt"
)  # fmt: skip


def held(folder: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture
def mine(run_py):
    """Fill a folder with files of the user's that are called as a run's, and return what they hold."""
    for name in MINE:
        path = Path("mine", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the user's own {name}")
    return held("mine")


@pytest.mark.parametrize("refused", ["budget=0", "surrogate.lr=1e30"])
def test_a_run_that_fails_changes_none_of_the_users_files(refused, mine, run_py):
    assert run_py(*FAST, "hydra.run.dir=mine", refused).status == 1
    assert held("mine") == mine


def test_an_interrupted_run_changes_none_of_the_users_files(mine, run_py, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("privattack.experiment.write_scores", interrupted)
    ended = run_py(*FAST, "hydra.run.dir=mine")
    assert ended.status == 130
    assert "Interrupted. The store is sound" in ended.complained
    assert held("mine") == mine


def test_a_second_run_into_the_folder_of_a_result_changes_none_of_its_files(run_py):
    assert run_py(*FAST, "hydra.run.dir=mine").status == 0
    before = held("mine")
    assert run_py(*FAST, "hydra.run.dir=mine", "seed=1").status == 1
    assert held("mine") == before


def test_a_job_of_a_sweep_that_fails_deletes_none_of_the_users_files(run_py):
    for name in ("roc.csv", "run.log", ".hydra/notes.txt"):
        path = Path("mine/job", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("the user's own")
    before = held("mine/job")
    assert run_py("-m", *FAST, "budget=0", "hydra.sweep.dir=mine", "hydra.sweep.subdir=job").status == 1
    after = held("mine/job")
    assert set(after) - set(before) == {"failure.json"}
    assert before.items() <= after.items()
