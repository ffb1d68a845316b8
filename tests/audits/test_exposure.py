"""Which members the attacks find."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.audits.exposure import MOST, judge_overlap, most_exposed
from privattack.data.images import LabelledImages
from privattack.results.result import Pair


def found_by(name: str, members: set[int], *, knowledge: Knowledge = Knowledge.ADAPTIVE) -> Inference:
    """Return an attacker who is sure of some of the first 1,000 images, the members, and knows nothing of the rest."""
    scores = np.zeros(2_000)
    scores[list(members)] = 1.0
    return Inference(name, knowledge, scores, scores > 0)


def apart(name: str, members: set[int], *, knowledge: Knowledge = Knowledge.ADAPTIVE) -> Inference:
    """Return the same, who takes the other members for non-members, of whom no two are alike."""
    found = found_by(name, members, knowledge=knowledge)
    found.scores[1_000:] = -np.linspace(0, 1, 1_000)
    found.scores[:1_000] -= 2 * (found.scores[:1_000] == 0)
    return found


MEMBERS = np.arange(2_000) < 1_000


def test_what_attacks_find_together():
    attackers = [apart("a", {0, 1, 2}), apart("b", {2, 3}), apart("c", set())]
    found = judge_overlap([[*attackers, apart("blind", {9}, knowledge=Knowledge.BLIND)]], [MEMBERS])
    assert found.fpr == 0.01
    assert {name: figure.value for name, figure in found.attackers.items()} == {"a": 0.003, "b": 0.002, "c": 0.0}
    assert (found.any.value, found.any_fpr.value) == (0.004, 0.011)  # as many as of others
    overlaps = {(pair.first, pair.second): pair.jaccard for pair in found.pairs}
    assert overlaps == {("a", "b"): 0.25, ("a", "c"): 0.0, ("b", "c"): 0.0}


def test_each_attack_may_accuse_as_many_non_members_as_the_rate_allows_and_all_together_more():
    first, second = found_by("a", set()), found_by("b", set())
    first.scores[1_000:1_010], first.scores[:50] = 2.0, 3.0
    second.scores[1_500:1_510], second.scores[:20] = 2.0, 1.0
    found = judge_overlap([[first, second]], [MEMBERS])
    assert found.attackers["a"].value == 0.05
    assert found.attackers["b"].value == 0.02
    assert found.any_fpr.value == 0.02  # no one lies alone on a threshold
    first.scores[1_010] = second.scores[1_510] = 1.5
    found = judge_overlap([[first, second]], [MEMBERS])
    assert found.any_fpr.value == 0.022  # as many as would be accused of others


def test_a_coin_finds_members_too_and_exposes_none():
    tied, sure = found_by("tied", set()), apart("sure", {5})
    found = judge_overlap([[tied, sure]], [MEMBERS])
    assert found.attackers["tied"].value == pytest.approx(0.01)
    assert found.any.value == pytest.approx((1 + 999 * 0.01) / 1_000)
    (only,) = most_exposed([[tied, sure]], [MEMBERS], [images()])
    assert only.found == {"sure": 1.0}


def test_an_overlap_needs_two_attackers_and_enough_non_members():
    assert judge_overlap([[found_by("a", {0})]], [MEMBERS]) is None
    few = np.arange(2_000) < 1_001
    assert judge_overlap([[found_by("a", {0}), found_by("b", {1})]], [few]) is None


def test_a_pair_that_finds_nobody_has_no_overlap():
    found = judge_overlap([[apart("a", set()), apart("b", set())]], [MEMBERS])
    assert found.pairs == [Pair(first="a", second="b", jaccard=None)]


def images(*, channels: int = 1) -> LabelledImages:
    """Return 2,000 images, no two of which are alike."""
    numbers = torch.arange(2_000)
    pixels = torch.stack([numbers // 256, numbers % 256], dim=1).to(torch.uint8)
    return LabelledImages(pixels.view(2_000, 1, 1, 2).repeat(1, channels, 1, 1), numbers % 10)


def test_the_most_exposed_member_is_the_one_that_attacks_find_most_often():
    often = [found_by("a", {7}), found_by("b", {7, 300})]
    seldom = [found_by("a", {7, 41}), found_by("b", set())]
    exposed = most_exposed([often, seldom], [MEMBERS] * 2, [images()] * 2)
    assert [(one.label, one.targets, one.found) for one in exposed] == [
        (7, 2, {"a": 1.0, "b": 0.5}), (0, 2, {"b": 0.5}), (1, 2, {"a": 0.5}),
    ]  # fmt: skip
    assert exposed[0].image == images().names[7]


def test_shares_are_of_the_targets_that_learnt_the_image():
    others = np.roll(MEMBERS, 1_000)
    exposed = most_exposed([[found_by("a", {7})]] * 2, [MEMBERS, others], [images()] * 2)
    assert [(one.targets, one.found) for one in exposed] == [(1, {"a": 1.0})]


def test_a_member_is_shown_as_it_is_and_never_more_than_fit_the_page():
    for channels in (1, 3):
        (shown,) = most_exposed([[found_by("a", {300})]], [MEMBERS], [images(channels=channels)])
        assert shown.picture is not None
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.picture))))
        assert picture.reshape(1, 2, channels).tolist() == [[[1] * channels, [44] * channels]]
    assert len(most_exposed([[found_by("a", set(range(50)))]], [MEMBERS], [images()])) == MOST
    (odd, *_) = most_exposed([[found_by("a", {0})]], [MEMBERS], [images(channels=2)])
    assert odd.picture is None


def test_nobody_is_exposed_by_a_guess_or_where_the_rate_cannot_be_measured():
    blind = found_by("blind", {9}, knowledge=Knowledge.BLIND)
    assert most_exposed([[found_by("a", set()), blind]], [MEMBERS], [images()]) == []
    few = np.arange(2_000) < 1_001
    assert most_exposed([[found_by("a", {1})]], [few], [images()]) == []
