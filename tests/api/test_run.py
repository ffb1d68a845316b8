"""Runs from Python: the figures of the command line, its files, its sentences."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

import privattack
from tests.running import comparable

WORDS = ["data=digits", "target=mlp", "target.epochs=2", "surrogate.epochs=1", "repetitions=1", "trainer=cpu"]
ROOT = Path(__file__).parents[2]


def test_a_run_from_python_is_the_command_lines(tmp_path):
    words = [*WORDS, f"store={tmp_path / 'store'}"]
    ours = privattack.run(words, folder=tmp_path / "ours")
    command = [sys.executable, ROOT / "run.py", *words, f"hydra.run.dir={tmp_path / 'theirs'}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    read = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("ours", "theirs")]
    assert comparable(read[0]) == comparable(read[1])
    assert ours.result == privattack.load(tmp_path / "ours").result
    left = [{path.name for path in (tmp_path / name).iterdir()} for name in ("ours", "theirs")]
    assert {name for name in left[1] ^ left[0] if not name.startswith("events")} == {"run.log"}


def test_a_run_finds_a_folder_of_its_own_that_says_what_differs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = privattack.run(" ".join(WORDS))
    (run,) = found.runs
    assert run.folder.parent.name.startswith("mea-none-b200-s0-data=digits")
    assert run.folder.parent.parent == tmp_path / "outputs"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["attac=mea"], r"^attac=mea: there is no such setting; did you mean attack\?"),
        (["budget=-1"], r"^budget=-1: needs a whole number"),
        (["data=nope"], r"^data=nope: there is no such option"),
        (["defence=none,flatten"], r"^defence=none,flatten: has several values"),
        (["+colour=red"], r"^\+colour=red: there is no such setting"),
        ([*WORDS, "budget=100000"], r"^budget=100000: the query pool has 597 images"),
    ],
)
def test_what_cannot_work_is_one_sentence_and_leaves_nothing(words, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(privattack.UserError, match=sentence):
        privattack.run(words)
    with pytest.raises(privattack.UserError, match=sentence):
        privattack.run(words, folder=tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    assert not [path for path in (tmp_path / "outputs").rglob("*") if path.is_file()]


def test_a_folder_with_a_result_is_left_as_it_is(tmp_path):
    (tmp_path / "result.json").write_text("mine")
    with pytest.raises(privattack.UserError, match="holds a result already"):
        privattack.run(WORDS, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_program_of_hydras_own_keeps_its_hydra(tmp_path):
    instance = GlobalHydra.instance()
    before, instance.hydra = instance.hydra, object()  # type: ignore[assignment]
    mine = instance.hydra
    try:
        with pytest.raises(privattack.UserError):
            privattack.run(["budget=-1"])
        assert GlobalHydra.instance().hydra is mine
    finally:
        GlobalHydra.instance().hydra = before


def test_importing_is_quick_and_reading_results_imports_no_pytorch():
    program = (
        "import sys, privattack\n"
        "assert not {'torch', 'pydantic', 'hydra', 'numpy'} & set(sys.modules), 'import'\n"
        "privattack.load\n"
        "assert not {'torch', 'pandas'} & set(sys.modules), 'load'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_there_is_in_python_is_found_by_its_name():
    assert set(privattack.__all__) <= set(dir(privattack))
    assert all(getattr(privattack, name) is not None for name in privattack.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sweep'"):
        privattack.sweep  # noqa: B018
