"""`--help` names every option with a line that says what it is."""

import os
import subprocess
import sys

import pytest

from privattack.command_line.options import first_comment, groups, options
from privattack.command_line.vocabulary import CONF

FILES = sorted(path for path in CONF.glob("*/*.yaml") if path.parent.name != "hydra")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_every_option_says_what_it_is_in_its_first_comment(path):
    said = first_comment(path)
    assert 5 < len(said) < 180
    assert said in options()


def test_every_group_says_what_it_answers():
    shown = [line.split("=")[0].strip() for line in groups().splitlines()]
    assert sorted(shown) == sorted({path.parent.name for path in FILES})


def test_the_first_sentence_of_several_is_taken_and_the_package_is_no_comment(tmp_path):
    path = tmp_path / "option.yaml"
    path.write_text("# @package _global_\n# Draws 2.5 % at random, as\n# published. Then learns.\nsetting: 1  # no\n")
    assert first_comment(path) == "Draws 2.5 % at random, as published"
    path.write_text("setting: 1  # no\n")
    assert first_comment(path) == ""


@pytest.mark.parametrize(("typed", "offered"), [
    ("attack=li", "attack=lira"), ("defe", "defence="), ("surrogate.ep", "surrogate.epochs="),
])  # fmt: skip
def test_the_shell_completes_options_and_settings(typed, offered):
    line = f"python run.py {typed}"
    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = [sys.executable, "run.py", "-sc", "query=bash"]
    asked = subprocess.run(command, cwd=CONF.parent, env=environment, capture_output=True, text=True, check=True)
    assert offered in asked.stdout.split()
