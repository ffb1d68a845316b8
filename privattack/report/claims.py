"""Claims for a CI: `claims.xml` in JUnit's form, and `claims.sarif`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import privattack
from privattack.atomic_write import write_whole
from privattack.report.cells import Cell, Line, Table
from privattack.results.claims import exit_status
from privattack.results.collect import Finished, collect
from privattack.results.naming import label, varying
from privattack.results.result import Checked

JUNIT, SARIF = "claims.xml", "claims.sarif"
STATES = ("refuted", "undecided", "holds")
LEVELS = {"refuted": "error", "undecided": "warning"}
# Code scanning wants a place in a file, and shows results that pass, too: those are left out.
PLACE = {"artifactLocation": {"uri": "claims.yaml"}, "region": {"startLine": 1}}


def write_claims(folder: Path, runs: Sequence[Finished]) -> None:
    """Write what runs say of claims, for CIs that read JUnit's XML or SARIF 2.1.0; nothing where none was made."""
    checked = [*_named(runs)]
    if not checked:
        return
    suite = ElementTree.Element(
        "testsuite",
        name="privattack",
        tests=str(len(checked)),
        failures=str(sum(one.state == "refuted" for _, one in checked)),
        skipped=str(sum(one.state == "undecided" for _, one in checked)),
    )
    for run, one in checked:
        case = ElementTree.SubElement(suite, "testcase", classname=run, name=one.claim)
        if one.state != "holds":
            ElementTree.SubElement(case, "failure" if one.state == "refuted" else "skipped", message=one.said)
    write_whole(folder / JUNIT, ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))
    write_whole(folder / SARIF, json.dumps(_sarif(checked), indent=2).encode())


def status_of(folder: Path) -> int:
    """Return the exit status that the claims of the runs below a folder come to; 0 where none was made."""
    return exit_status([one for run in collect([folder]).runs for one in run.result.claims])


def tables(runs: Sequence[Finished]) -> list[Table]:
    """Return each claim with what the run says of it, the refuted ones first; nothing where none was made."""
    checked = sorted(_named(runs), key=lambda one: STATES.index(one[1].state))
    rows: list[list[Cell]] = [
        [one.claim, Line(value=one.state), Line(one.said.removeprefix(f"{one.claim}: {one.state}; "), wraps=True), run]
        for run, one in checked
    ]
    caption = "By the interval of the strongest attacker."
    return [Table("claims", caption, ("Claim", "State", "Why", "Run"), rows)] if rows else []


def _named(runs: Sequence[Finished]) -> Iterator[tuple[str, Checked]]:
    names = ["attack", "defence", *varying(run.result.run for run in runs)]
    for run in runs:
        for one in run.result.claims:
            yield label(run.result.run, names), one


def _sarif(checked: Sequence[tuple[str, Checked]]) -> dict:
    rules = dict.fromkeys(one.claim for _, one in checked)
    results = [
        {
            "ruleId": one.claim,
            "level": LEVELS[one.state],
            "message": {"text": one.said},
            "locations": [{"physicalLocation": PLACE, "logicalLocations": [{"name": run}]}],
        }
        for run, one in checked
        if one.state in LEVELS
    ]
    driver = {"name": "privattack", "version": privattack.__version__, "rules": [{"id": rule} for rule in rules]}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
