"""`scores.csv.gz` is enough to compute every figure of a run again."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privattack import metrics
from privattack.audits.tally import Places, tally_extraction, tally_membership
from privattack.results.scores import NAME, read_scores, write_scores
from tests.running import run_in

Rows = dict[str, np.ndarray]


def rows_of(table: Rows, **where: Any) -> Rows:
    """Return the rows in which columns have these values."""
    kept = np.all([table[name] == value for name, value in where.items()], axis=0)
    return {name: column[kept] for name, column in table.items()}


def membership_figures(table: Rows, attacker: str, targets: bool) -> dict[str, metrics.Measurement]:
    """Compute an attacker's figures from what they said of each image."""
    own = rows_of(table, attacker=attacker)
    every = [
        rows_of(own, repetition=repetition, target=target)
        for repetition in np.unique(own["repetition"])
        for target in np.unique(own["target"])
    ]
    columns = ([one[name] for one in every] for name in ("score", "decision", "member", "image"))
    scores, decided, members, names = columns
    return tally_membership(
        scores, [one == 1 for one in decided], [one == 1 for one in members], Places(names), targets=targets
    ).figures()


def extraction_figures(table: Rows, attacker: str, budget: int) -> dict[str, metrics.Measurement]:
    own = rows_of(table, attacker=attacker, budget=budget)
    every = [rows_of(own, repetition=repetition) for repetition in np.unique(own["repetition"])]
    named, queried, kl = ([one[name] for one in every] for name in ("surrogate_class", "queried", "kl"))
    judged = every[0]
    tally = tally_extraction(
        Places([judged["image"]] * len(every)),
        named,
        judged["target_class"],
        judged["label"],
        [one == 1 for one in queried],
        kl,
    )
    for one in every:
        for name in {"transfer_fgsm", "transfer_pgd"} & set(one):
            if (made := ~np.isnan(one[name])).any():
                tally.add(name, metrics.proportion(one[name][made] == 1))
    return tally.figures()


def agree(reported: dict[str, Any], computed: dict[str, metrics.Measurement]) -> None:
    """Check the figures: they are the same, but for the order in which a mean is summed."""
    for name, figure in computed.items():
        expected = {key: value if isinstance(value, str) else pytest.approx(value, rel=1e-9)
                    for key, value in figure.to_json().items() if value is not None}  # fmt: skip
        assert {key: value for key, value in reported[name].items() if value is not None} == expected, name


@pytest.mark.parametrize(
    ("overrides", "targets"),
    [
        (["attack=mia", "defence=flatten", "repetitions=2"], False),
        (["attack=mia_suite", "target.train_size=60", "shadow.count=6", "targets=2"], True),
    ],
    ids=["mia", "suite"],
)
def test_every_figure_of_an_inference_follows_from_its_scores(tmp_path: Path, overrides: list[str], targets: bool):
    result = run_in(tmp_path / "run", *overrides)
    table = read_scores(tmp_path / "run")
    assert {"image", "member", "target", "attacker", "score", "decision"} <= set(table)
    for attacker in result["attackers"]:
        computed = membership_figures(table, attacker["name"], targets)
        assert set(computed) == set(attacker["metrics"])
        agree(attacker["metrics"], computed)


def test_every_figure_of_an_extraction_follows_from_its_scores(tmp_path: Path):
    result = run_in(tmp_path / "run", "attack=mea", "budget=[50,200]", "repetitions=2", "transfer.epsilon=0.2")
    table = read_scores(tmp_path / "run")
    for attacker in result["attackers"]:
        for point in attacker["curve"]:
            computed = extraction_figures(table, attacker["name"], point["budget"])
            figures = attacker["metrics"] if point["budget"] == 200 else point["metrics"]
            # The loss is that of the training, and of no image that the surrogate is judged by.
            assert set(computed) == set(figures) - {"training_loss"}
            agree(figures, computed)


def test_a_table_is_read_as_it_was_written_and_two_writings_are_equal(tmp_path: Path):
    image, score = np.array(["b", "a"]), np.array([0.1 + 0.2, -np.inf])
    write_scores(tmp_path, {"one": {"image": image, "score": score}, "two": {"image": image, "kl": score}})
    table = read_scores(tmp_path)
    assert table["attacker"].tolist() == ["one", "two", "one", "two"]
    assert table["image"].tolist() == ["a", "a", "b", "b"]
    np.testing.assert_equal(table["score"], [-np.inf, np.nan, 0.1 + 0.2, np.nan])
    first = (tmp_path / NAME).read_bytes()
    write_scores(tmp_path, {"one": {"image": image, "score": score}, "two": {"image": image, "kl": score}})
    assert (tmp_path / NAME).read_bytes() == first


DAMAGED = {
    "empty": b"",
    "no gzip": b"no gzip",
    "a word for a number": gzip.compress(b"image,member\na,maybe\n"),
    "a column without a name": gzip.compress(b"a\n1,2\n"),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_table_is_named(tmp_path: Path, content: bytes):
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(ValueError, match=NAME):
        read_scores(tmp_path)
