"""Results that others wrote: whatever stands in them, the report says so in a sentence and runs nothing of it."""

import copy
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privattack.report.page import write_page
from privattack.report.summary import write_summary
from privattack.results.collect import collect

TRIED = int(os.environ.get("PRIVATTACK_FUZZ", "20"))
HTML = "<img src=x onerror=alert(1)>"
ODD = [HTML, None, [], ["a", None], {}, {"a": [HTML]}, -1, 0, 10**30, True, 1e308, "", -0.5, "=1+1", "\ud800"]


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of everything within nested mappings and lists."""
    if path:
        yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from places(inner, (*path, key))


def changed(document: dict[str, Any], path: tuple, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(document)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


def reported(folder: Path, caplog: pytest.LogCaptureFixture) -> tuple[int, str]:
    """Return how many results were taken, and the page."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="privattack"):
        collection = collect([folder])
    write_summary(folder / "summary.csv", collection)
    write_page(folder / "report.html", collection)
    return len(collection.runs), (folder / "report.html").read_text()


@settings(max_examples=TRIED, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_strangers_result_is_shown_or_left_out_with_a_sentence(
    data, make_suite, make_extraction, tmp_path_factory, caplog
):
    curves = {"adaptive": {100: 0.7, 300: 0.8}, "no_query": {100: 0.5, 300: 0.6}}
    made = data.draw(st.sampled_from([make_suite({"lira": 0.08, "gap": 0.0}), make_extraction(curves)]))
    path = data.draw(st.sampled_from([*places(made)]))
    folder = tmp_path_factory.mktemp("results")
    for name, document in (("sound", made), ("strange", changed(made, path, data.draw(st.sampled_from(ODD))))):
        (folder / name).mkdir()
        (folder / name / "result.json").write_text(json.dumps(document))
    taken, page = reported(folder, caplog)
    assert HTML not in page
    assert taken + len(caplog.messages) == 2
    assert all("strange" in message and "\n" not in message for message in caplog.messages)


def test_settings_that_only_one_result_has_and_numbers_that_no_array_holds_are_told(make_extraction, write_run, caplog):
    made = make_extraction({"adaptive": {100: 0.7}, "no_query": {100: 0.5}})
    folder = write_run(made, "sound").parent
    write_run(changed(made, ("run", "config", "defence"), HTML), "strange")
    assert reported(folder, caplog)[0] == 2
    write_run(changed(made, ("run", "budget"), 10**30), "stranger")
    assert reported(folder, caplog)[0] == 2
    assert "too large" in caplog.text


TYPED = {
    "repetitions": ("run", "repetitions"),
    "a name": ("attackers", 0, "name"),
    "a reason": ("attackers", 0, "metrics", "auc"),
    "the data": ("run", "data"),
    "a version": ("versions", "torch"),
    "a setting": ("run", "config", "attack", "_target_"),
    "a setting that another is below": ("run", "config", "surrogate"),
}
MISSING = {"value": None, "low": None, "high": None, "n": 0, "why": HTML}


@pytest.mark.parametrize("what", TYPED)
def test_no_text_of_a_result_runs_in_the_page(what, make_suite, write_run, caplog):
    made = make_suite({"lira": 0.08, "gap": 0.0})
    write_run(changed(made, TYPED[what], MISSING if what == "a reason" else HTML), "strange")
    folder = write_run(made, "sound").parent
    taken, page = reported(folder, caplog)
    assert HTML not in page
    assert taken == (1 if what == "repetitions" else 2)
