"""The page about `summary.csv` names each of its columns, and no other."""

import json
import re
from pathlib import Path

from privattack.report.summary import PARTS, summary
from privattack.results.collect import collect
from tests.running import run_in

PAGE = Path(__file__).parents[2] / ".github/docs/summary.md"


def test_the_page_has_every_column(make_suite, make_result, write_run, tmp_path):
    kept = ["repetitions=1", "budget=50", "target.epochs=1"]
    run_in(tmp_path / "mea", *kept, "attack=mea", "transfer.epsilon=0.1")
    run_in(tmp_path / "loss", *kept, "attack=loss", "shadow.count=2", "shadow.epochs=1")
    write_run(make_suite(), "suite")
    failed = tmp_path / "failed"
    failed.mkdir()
    (failed / "failure.json").write_text(
        json.dumps({"run": make_result({"adaptive": {"auc": 0.5}})["run"], "why": "so"})
    )
    header, _ = summary(collect([tmp_path]))
    ends = tuple(f"_{part}" for part in PARTS[1:])
    named = set(re.findall(r"^\| `([\w.]+)` \|", PAGE.read_text(), flags=re.MULTILINE))
    settings = {name for name in header if "." in name and not name.startswith(("tpr", "ppv"))}
    assert {name for name in header if not name.endswith(ends)} - settings == named
