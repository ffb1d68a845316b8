"""Attackers are compared image by image where they were judged on the same images."""

import json
import math

import numpy as np
import pytest

from privattack.measurement import Measurement
from privattack.metrics.by_image import ByImage, of_share
from privattack.metrics.by_image import difference as paired
from privattack.results.collect import collect
from privattack.results.compared import NAME, with_compared, write_compared
from privattack.results.differences import difference, is_clear, unpaired
from privattack.results.result import Attacker, Point, Result


def attacker(hits: np.ndarray, *, images: str = "these") -> Attacker:
    """Return an attacker with these hits, repetitions x images, and a wide interval."""
    values = hits.mean(axis=1)
    compared = ByImage(hits.shape[1], images, values, np.stack([of_share(one) for one in hits]))
    figure = Measurement(value=values.mean(), low=values.mean() - 0.05, high=values.mean() + 0.05, n=hits.shape[1])
    return Attacker(
        name="adaptive", knowledge="adaptive", metrics={"fidelity": figure}, compared={"fidelity": compared}
    )


@pytest.fixture
def pair() -> tuple[Attacker, Attacker]:
    """One who is right wherever another is, and on 3 of 100 images more, in each of five repetitions."""
    random = np.random.default_rng(0)
    second = random.random((5, 1_000)) < 0.8
    return attacker(second | (np.arange(1_000) % 33 == 0)), attacker(second)


def test_intervals_that_overlap_hide_no_difference_on_the_same_images(pair):
    first, second = pair
    gap = difference(first, second, "fidelity")
    assert first.figure("fidelity").known.low < second.figure("fidelity").known.high
    assert is_clear(gap)
    assert gap.known.value == pytest.approx(unpaired(*(one.figure("fidelity") for one in pair)).known.value)


def test_other_images_are_compared_as_independent(pair):
    first, second = pair
    elsewhere = attacker(np.ones((5, 1_000), dtype=bool), images="others")
    gap = difference(elsewhere, second, "fidelity")
    assert gap == unpaired(elsewhere.figure("fidelity"), second.figure("fidelity"))
    assert gap.known.high - gap.known.value == pytest.approx(math.hypot(0.05, 0.05))
    without = Attacker(name="older", knowledge="adaptive", metrics=first.metrics)
    assert difference(without, second, "fidelity") == unpaired(first.figure("fidelity"), second.figure("fidelity"))
    assert not difference(without, second, "auc").given


def test_more_comparisons_widen_an_interval(pair):
    one, many = (difference(*pair, "fidelity", comparisons=count) for count in (1, 10))
    assert many.known.low < one.known.low
    assert many.known.value == one.known.value


@pytest.mark.parametrize("repetitions", [1, 5])
def test_a_paired_difference_holds_the_truth_as_often_as_it_says(repetitions):
    random, held, truth = np.random.default_rng(0), 0, 0.03
    for _ in range(400):
        ease = random.random(500)  # shared by both attackers and by all repetitions
        noise = random.normal(scale=0.01 if repetitions > 1 else 0, size=(2, repetitions, 1))
        sides = []
        for share, worse in zip((0.63, 0.60), noise, strict=True):
            hits = random.random((repetitions, 500)) * 0.2 + 0.8 * ease < share + worse
            sides.append(ByImage(500, "", hits.mean(axis=1), np.stack([of_share(one) for one in hits])))
        gap = paired(*sides).known
        held += gap.low <= truth / 0.8 <= gap.high
    assert 0.93 <= held / 400 <= 0.995


def test_what_is_written_is_read_back(tmp_path, make_extraction, pair):
    curve = {100: 0.7, 300: 0.8}
    result = Result.from_json(json.dumps(make_extraction({"adaptive": curve, "no_query": curve})))
    told = [
        one.model_copy(update={
            "curve": [Point(budget=point.budget, metrics=point.metrics, compared=side.compared) for point in one.curve]
        })
        for one, side in zip(result.attackers, pair, strict=True)
    ]  # fmt: skip
    written = result.model_copy(update={"attackers": told})
    written.write(tmp_path)
    write_compared(tmp_path, written)
    (run,) = collect([tmp_path]).runs
    first, second = run.result.attackers
    assert difference(first, second, "fidelity").known == pytest.approx(difference(*pair, "fidelity").known, abs=1e-5)
    assert first.curve[0].compared["fidelity"].images == "these"


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_a_damaged_table_is_named_and_done_without(tmp_path, make_extraction, content, caplog):
    result = Result.from_json(json.dumps(make_extraction({"adaptive": {100: 0.7}})))
    result.write(tmp_path)
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(ValueError, match=NAME):
        with_compared(tmp_path, result)
    assert len(collect([tmp_path]).runs) == 1
    assert NAME in caplog.text
