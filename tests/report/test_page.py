"""The page opens from the disk, alone, and shows what users wrote as text."""

import itertools
import json
import re
from html.parser import HTMLParser

import pytest

from privattack.findings.findings import findings
from privattack.report.__main__ import main
from privattack.report.page import page
from privattack.results.collect import collect

VOID = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """What stands in the page, and whether each tag is closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_startendtag(self, tag, attrs):
        assert tag not in VOID
        self.tags.append((tag, dict(attrs)))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def made(folder) -> tuple[str, Page]:
    collection = collect([folder])
    text = page(collection, findings([run.result for run in collection.runs]))
    return text, Page(text)


@pytest.fixture
def membership(make_result, write_run):
    metrics = {"accuracy": 0.9, "auc": 0.9}
    return write_run(make_result({"adaptive": metrics, "blind": metrics}), "run", curves=True)


def test_the_page_is_self_contained(membership):
    text, parsed = made(membership)
    for tag, attributes in parsed.tags:
        assert "src" not in attributes
        assert tag != "script"
        if tag == "link":
            assert attributes["href"] == "data:,"
        if "xlink:href" in attributes:
            assert attributes["xlink:href"].startswith("#")
    assert len(text.encode()) < 150_000


def test_nothing_of_a_plot_is_called_as_something_of_another(membership):
    _, parsed = made(membership)
    names = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(names) == len(set(names)) > 0


def test_plots_have_the_pages_colours_on_a_dark_ground_too(membership):
    text, _ = made(membership)
    used = set(re.findall(r"var\((--on-white-[0-9a-f]{6})\)", text))
    assert used
    assert all(text.count(f"{name}: #") == 2 for name in used)


def test_the_page_has_a_language_a_title_a_viewport_and_headings_in_order(membership):
    _, parsed = made(membership)
    tags = [tag for tag, _ in parsed.tags]
    assert ("html", {"lang": "en"}) in parsed.tags
    assert any(attributes.get("name") == "viewport" for _, attributes in parsed.tags)
    assert parsed.texts["title"][0] == "privattack - mia"
    assert tags.count("table") == tags.count("caption") == 2
    levels = [int(tag[1]) for tag in tags if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert all(deeper - level <= 1 for level, deeper in itertools.pairwise(levels))


def test_a_picture_comes_first_then_findings_and_sections_without_data_are_left_out(membership, make_result, write_run):
    _, parsed = made(membership)
    assert parsed.texts["h2"] == [
        "What the attackers reach", "Findings", "ROC", "Attacks and defences", "Attackers, ranked", "Membership scores",
        "Settings",
    ]  # fmt: skip
    assert "difference between data sets" in parsed.texts["li"][0]
    _, parsed = made(write_run(make_result({"published": {"fidelity": 0.9}}), "other"))
    assert parsed.texts["h2"] == [
        "What the attackers reach", "Attacks and defences", "Surrogates and what they cost", "Settings"
    ]  # fmt: skip


def test_what_users_wrote_is_shown_as_text(make_result, write_run):
    evil = "</script><script>alert(1)</script>"
    missing = {"value": None, "low": None, "high": None, "n": 0, "why": evil}
    attackers = {name: {"accuracy": 0.9, "auc": 0.9, "tpr_at_fpr_0.1": missing} for name in (evil, "adaptive")}
    result = make_result(attackers, defence=evil, data=evil)
    result["run"]["config"]["note"] = evil
    result["versions"]["torch"] = evil
    folder = write_run(result, "run", curves=True)
    (folder.parent / "failed").mkdir()
    (folder.parent / "failed/failure.json").write_text(json.dumps({"run": result["run"], "why": evil}))
    text, parsed = made(folder.parent)
    assert "<script>alert" not in text
    assert "script" not in {tag for tag, _ in parsed.tags}
    # In a legend, and where the pointer rests on a line.
    assert evil in parsed.texts["text"]
    assert evil in parsed.texts["title"]


def test_a_curve_that_is_no_number_leaves_the_other_plots_alone(membership):
    for name in ("roc.csv", "histograms.csv"):
        (membership / name).write_text((membership / name).read_text().replace("0.3", "nan").replace(",3\n", ",inf\n"))
    _, parsed = made(membership)
    assert [tag for tag, _ in parsed.tags].count("svg") == 3


def test_attackers_stand_side_by_side_with_intervals_and_the_study(make_result, write_run, measured):
    attackers = {"published": {"fidelity": measured(0.9, sd=0.01, repetitions=3)}, "no_query": {"fidelity": None}}
    text, _ = made(write_run(make_result(attackers, data="mnist"), "run"))
    assert "<td>89.66</td><td><strong>90.0</strong> [88.0, 92.0]<br><small>sd 1.0, 3 repetitions</small></td>" in text
    assert "<td>- <small>(too few)</small></td>" in text


def test_a_figure_of_other_settings_than_the_studys_says_so(make_result, write_run):
    result = make_result({"published": {"fidelity": 0.9}}, {"surrogate.epochs": 3}, data="mnist")
    text, _ = made(write_run(result, "run"))
    assert "<td>89.66<br><small>other settings</small></td>" in text


def test_a_setting_that_differs_is_a_column_and_one_that_another_follows_is_not(make_result, write_run):
    for epochs in (5, 10):
        result = make_result({"published": {"fidelity": 0.9}}, {"surrogate.epochs": epochs})
        folder = write_run(result, str(epochs))
    text, _ = made(folder.parent)
    assert '<th scope="col">Defence</th><th scope="col">surrogate.epochs</th>' in text
    assert '<th scope="row">none</th><td>5</td>' in text
    assert "mea, none, surrogate.epochs 10 (10)" in text


def test_claims_come_first_the_refuted_ones_on_top(make_result, write_run):
    result = make_result({"adaptive": {"fidelity": 0.9}})
    result["claims"] = [
        {"claim": f"fidelity at most {bound}", "state": state, "said": f"<b>because</b> {state}"}
        for bound, state in ((1, "holds"), (0.5, "refuted"), (0.9, "undecided"))
    ]
    text, parsed = made(write_run(result, "run"))
    assert parsed.texts["h2"][0] == "Claims"
    assert re.findall(r"<strong>(\w+)</strong></td><td><div", text) == ["refuted", "undecided", "holds"]
    assert "&lt;b&gt;because&lt;/b&gt; refuted" in text


def test_of_many_attackers_a_cell_names_the_best(make_suite, write_run):
    text, parsed = made(write_run(make_suite(), "run", curves=True))
    assert "<small>the best of 14</small>" in text
    assert parsed.texts["h2"][:6] == [
        "What the attackers reach", "Findings", "ROC", "Attacks and defences", "Attackers, ranked",
        "What the attacks find together",
    ]  # fmt: skip
    assert "11 more" in parsed.texts["summary"]  # histograms


def test_the_most_exposed_members_are_shown_with_what_finds_them(make_suite, write_run):
    result = make_suite(targets=4)
    found = {"lira": 1.0, "rmia": 0.5, "loss": 0.25, "gap": 0.25, "entropy": 0.25}
    result["exposed"] = [
        {"image": "00ff", "label": 7, "targets": 4, "found": found, "picture": "iVBORw0KGgo="},
        {"image": "<b>", "label": 3, "targets": 1, "found": {"<i>": 1.0}, "picture": None},
    ]
    _, parsed = made(write_run(result, "run"))
    assert "The most exposed members" in parsed.texts["h2"]
    captions = " ".join(parsed.texts["figcaption"])
    assert "a member in 4 targets, found in 4 by lira 2 by rmia" in " ".join(captions.split())
    assert "and by 1 more" in captions
    assert "class 3, image <b>" in captions
    assert "found by <i>" in captions
    assert [attributes["src"] for tag, attributes in parsed.tags if tag == "img"] == [
        "data:image/png;base64,iVBORw0KGgo="
    ]


def test_a_failed_job_is_a_row_that_says_why(make_result, write_run, tmp_path):
    run = make_result({"published": {"fidelity": 0.9}}, budget=12345)["run"]
    (tmp_path / "failure.json").write_text(json.dumps({"run": run, "why": "budget=12345: too many."}))
    text, _ = made(tmp_path)
    assert "failed: budget=12345: too many." in text


def test_settings_that_all_runs_share_stand_once(make_result, write_run):
    for budget in (100, 200):
        folder = write_run(make_result({"published": {"fidelity": 0.9}}, budget=budget), str(budget))
    text, _ = made(folder.parent)
    assert text.count("target.network._target_ = privattack.models.networks.LeNet") == 1
    assert "budget = 100" in text
    assert "budget = 200" in text


def test_the_command_makes_the_page_again_from_any_set_of_results(membership, tmp_path, monkeypatch, capsys):
    output = tmp_path / "elsewhere"
    monkeypatch.setattr("sys.argv", ["report", str(membership), "--output", str(output)])
    main()
    assert f"report: {output / 'report.html'}" in capsys.readouterr().out
    assert (output / "summary.csv").exists()
    monkeypatch.setattr("sys.argv", ["report", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match="no such folder"):
        main()
