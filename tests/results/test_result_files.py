import csv

import numpy as np

from privattack.results.files import write_arrays, write_table


def test_a_table_has_a_header_and_every_digit(tmp_path):
    write_table(tmp_path / "roc.csv", ("attacker", "fpr"), [("a, b", 1 / 3), ("c", 0.0)])
    with (tmp_path / "roc.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["attacker"] for row in rows] == ["a, b", "c"]
    assert float(rows[0]["fpr"]) == 1 / 3


def test_arrays_are_read_back_without_pickle_and_the_same_bytes_are_written_twice(tmp_path):
    for name in ("one.npz", "two.npz"):
        write_arrays(tmp_path / name, {"members": np.arange(5), "known": np.array([True, False])})
    with np.load(tmp_path / "one.npz", allow_pickle=False) as read:
        assert read["members"].tolist() == [0, 1, 2, 3, 4]
        assert read["known"].tolist() == [True, False]
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
