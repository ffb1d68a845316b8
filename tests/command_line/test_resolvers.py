"""Names of runs, and what else the files in `conf` compute."""

import pytest

from privattack.command_line.resolvers import if_emnist, run_name

CHOICES = {"attack": "mea", "defence": "label_only"}


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "mea-label_only-b3000-s0"),
        (["attack=mea", "defence=label_only", "budget=3000", "seed=0", "store=/s"], "mea-label_only-b3000-s0"),
        (["surrogate.epochs=5", "nonmembers=test"], "mea-label_only-b3000-s0-surrogate.epochs=5-nonmembers=test"),
        (["target.checkpoint=../a b/c.pth"], "mea-label_only-b3000-s0-target.checkpoint=.._a_b_c.pth"),
    ],
)
def test_a_runs_name_tells_what_differs(overrides, name):
    assert run_name(CHOICES, overrides, 3000, 0) == name


def test_long_names_stay_apart_and_fit_a_file_system():
    names = {run_name(CHOICES, [f"target.checkpoint={'x' * 400}{end}"], 1, 0) for end in "ab"}
    assert len(names) == 2
    assert max(map(len, names)) <= 160


def test_emnist_lies_in_the_home_that_a_tilde_means(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    raw = tmp_path / "data/EMNIST/raw"
    raw.mkdir(parents=True)
    (raw / "emnist-digits-test-images-idx3-ubyte").touch()
    assert if_emnist("~/data", "there") == "there"
