import copy
from pathlib import Path

import pytest

from privattack.measurement import Measurement
from privattack.report.console import box, table, with_interval
from tests.made_up_results import typed

FIGURE = {"value": 0.8123, "low": 0.79, "high": 0.83, "n": 500, "sd": 0.0123, "repetitions": 3}
RESULT = {
    "schema": 1,
    "run": {
        "attack": "mea",
        "defence": "none",
        "data": "mnist",
        "nonmembers": None,
        "seed": 5,
        "budget": 3000,
        "repetitions": 3,
        "config": {"data": {"_target_": "privattack.data.sources.mnist"}},
    },
    "target": {"train_accuracy": FIGURE, "test_accuracy": FIGURE, "trained": True, "fingerprint": "0"},
    "service": {"images": 3000, "test_accuracy": FIGURE, "labels_changed": FIGURE, "l1": FIGURE},
    "attackers": [
        {"name": "published", "knowledge": "published", "metrics": {"fidelity": FIGURE, "accuracy": FIGURE}},
        {"name": "adaptive", "knowledge": "adaptive", "metrics": {"fidelity": {**FIGURE, "sd": None}}},
    ],
    "findings": ["A sentence."],
    "timings": {"attack_seconds": 1.234},
    "versions": {},
}


def shown(**changes) -> list[str]:
    result = copy.deepcopy(RESULT)
    for path, value in changes.items():
        group, name = path.split("__")
        result[group][name] = value
    return table(typed(result), Path("outputs/here")).splitlines()


def test_a_share_is_per_cent_with_its_interval():
    assert with_interval(Measurement(**FIGURE)) == "81.23 [79.0, 83.0]"
    assert with_interval(Measurement.missing(0, "nothing")) == "-"


def test_each_attacker_has_a_row_with_the_published_figure_beside_the_published_attack_only():
    header, _, published, adaptive, *_ = shown()
    assert header.split()[:4] == ["attack", "defence", "attacker", "figure"]
    assert published.split() == [
        "mea", "none", "published", "fidelity", "81.23", "[79.0,", "83.0]", "1.23", "89.66", "1.23"
    ]  # fmt: skip
    assert adaptive.split()[-3:] == ["-", "-", "1.23"]


def test_columns_are_aligned():
    header, rule, *rows = shown()[:4]
    assert {line.index("fidelity") for line in rows} == {header.index("figure")}
    assert len(rule) == len(header)


def test_it_says_where_the_target_came_from_what_was_found_and_where_the_files_are():
    text = "\n".join(shown())
    assert (
        "target: 81.23 [79.0, 83.0] % test accuracy, 81.23 [79.0, 83.0] % on its 500 members, trained now; "
        "3000 queries, 3 repetitions, seed 5" in text
    )
    assert "finding: A sentence." in text
    assert "files: outputs/here" in text
    assert "1 repetition, " in "\n".join(shown(run__repetitions=1, target__trained=False))


def test_published_figures_beside_other_settings_say_at_which_they_were_measured(make_result):
    def lines(settings=None, **run) -> list[str]:
        attackers = {"published": {"fidelity": 0.9}}
        return table(typed(make_result(attackers, settings, **{"data": "mnist", **run})), Path("here")).splitlines()

    settings = "(published with data=mnist budget=3000)"
    assert settings in lines(data="digits")
    assert settings in lines(budget=500)
    assert "(published with data=mnist budget=3000 target.epochs=25)" in lines({"target.epochs": 5})
    assert not any("published with" in line for line in lines())


@pytest.mark.parametrize("defence", ["flatten", "mine"])
def test_what_the_study_never_ran_has_no_published_figure(defence):
    assert shown(run__defence=defence)[2].split()[-2] == "-"


def test_of_membership_it_shows_auc_and_what_is_found_at_few_false_alarms(make_suite):
    header, _, first, *others = table(typed(make_suite()), Path("here")).splitlines()
    assert "AUC" in header
    assert "% TPR at 1 % FPR" in header
    assert "published" not in header
    assert first.split()[2] == "lira"
    assert "0.62 [0.61, 0.63]" in first
    assert "8.10 [7.7, 8.5]" in first
    assert len({len(line) for line in (header, first)}) == 1
    ranked = [line.split()[2] for line in others[:14]]
    assert ranked[0] == "bavaria"
    assert set(ranked[-2:]) == {"gap", "blind"}


def test_it_says_how_many_targets_and_shadow_models_there_were(make_suite):
    text = table(typed(make_suite()), Path("here"))
    assert "3000 queries, 8 targets, seed 0" in text
    assert "shadow models: 64, 64 trained now; 90.00 [88.0, 92.0] % test accuracy" in text


def test_a_class_in_another_options_place_is_named(make_result):
    settings = {"defence._target_": "privattack.defences.flatten.Flatten"}
    lines = table(
        typed(make_result({"published": {"fidelity": 0.9}}, settings, data="mnist")), Path("here")
    ).splitlines()
    assert "none (Flatten)" in lines[2]
    assert "89.66" not in lines[2]


def test_it_says_how_much_of_the_budget_was_used(make_suite):
    result = make_suite()
    result["service"]["images"] = 1200
    assert "1200 of 3000 queries, 8 targets, seed 0" in table(typed(result), Path("here"))


def test_the_verdict_stands_in_a_frame_that_fits_a_terminal(make_result):
    attackers = {"adaptive": {"fidelity": 0.9}, "no_query": {"fidelity": 0.8}}
    lines = box(typed(make_result(attackers))).splitlines()
    assert lines[0] == lines[-1] == "-" * 118
    assert max(map(len, lines)) == 118
    assert lines[1].startswith("Tested: ")
    assert "the answers are worth" in " ".join(lines)
