"""Claims from the command line, and from a file beside a model."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from privattack.command_line.claim_file import words_of
from tests.command_line.conftest import FAST

ATTACK = (*FAST, "attack=mia", "budget=400", "repetitions=1")


def written(folder: str, name: str) -> Path:
    (path,) = Path(folder).rglob(name)
    return path


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ("[{metric:auc,at_most:0.9}]", 0),
        ("[{metric:auc,at_most:0.9},{metric:auc,at_most:0.1}]", 3),
        ("[{metric:epsilon,at_most:3}]", 4),
    ],
)
def test_the_exit_status_says_what_came_of_claims(run_py, claims, status):
    ended = run_py(*ATTACK, f"claims={claims}")
    assert ended.status == status, ended.complained
    result = json.loads(written("outputs", "result.json").read_text())
    assert len(result["claims"]) == claims.count("metric")
    for claim in result["claims"]:
        assert f"claim: {claim['said']}" in ended.said
    suite = ElementTree.parse(written("outputs", "claims.xml")).getroot()
    assert suite.get("failures") == ("1" if status == 3 else "0")
    assert suite.get("skipped") == ("1" if status == 4 else "0")
    sarif = json.loads(written("outputs", "claims.sarif").read_text())["runs"][0]
    assert [one["message"]["text"] for one in sarif["results"]] == [
        one["said"] for one in result["claims"] if one["state"] != "holds"
    ]


def test_a_sweep_ends_with_the_worst_of_its_claims(run_py):
    ended = run_py(*ATTACK, "-m", "seed=0,1", "claims=[{metric:auc,at_most:0.1}]")
    assert ended.status == 3
    suite = ElementTree.parse(next(Path("outputs").glob("sweep*/claims.xml"))).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")


def test_a_claim_that_cannot_be_read_is_refused(run_py):
    ended = run_py(*ATTACK, "claims=[{metric:auc}]")
    assert ended.status == 1
    assert "needs a list of claims, each a metric and at_most or at_least, such as" in ended.complained
    assert not any(Path("outputs").rglob("*.json")) if Path("outputs").exists() else True


def test_a_file_beside_a_model_holds_claims_and_the_run_that_checks_them(run_py, tmp_path):
    (tmp_path / "model").mkdir()
    overrides = "".join(f"  - {word}\n" for word in ATTACK)
    (tmp_path / "model/claims.yaml").write_text(f"overrides:\n{overrides}claims:\n  - metric: auc\n    at_most: 0.1\n")
    ended = run_py("check", "model/claims.yaml", "seed=1")
    assert ended.status == 3, ended.complained
    assert json.loads(written(str(tmp_path / "model/outputs"), "result.json").read_text())["run"]["seed"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("claims: [", "cannot be read"),
        ("claims: []", "is no claim file"),
        ("attack: lira", "is no claim file"),
        ("overrides: attack=lira\nclaims: [{metric: auc, at_most: 1}]", "`overrides` is no list of words"),
    ],
)
def test_what_is_no_claim_file_is_refused(run_py, text, said):
    if text is not None:
        Path("claims.yaml").write_text(text)
    ended = run_py("check", "claims.yaml")
    assert (ended.status, ended.complained.count("\n")) == (2, 1)
    assert said in ended.complained
    assert "use: privattack check FILE" in run_py("check").complained


def test_a_claim_file_is_spelled_in_the_command_lines_grammar(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("claims.yaml").write_text("overrides: [attack=lira]\nclaims: [{metric: auc, at_most: 0.5, attacker: lira}]")
    assert words_of(["claims.yaml", "seed=2"]) == [
        "attack=lira", 'claims=[{metric:"auc",at_most:0.5,attacker:"lira"}]', "seed=2"
    ]  # fmt: skip
