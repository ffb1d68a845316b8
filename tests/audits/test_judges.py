from types import SimpleNamespace

import numpy as np
import pytest
import torch

from privattack.attacks.extraction.base import NONE, Asked, Extraction
from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.audits.judges import judge_defence, judge_extraction, judge_membership
from privattack.data.images import LabelledImages
from privattack.data.sources import digits
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.victims import Judged

TEST = digits().test.take(torch.arange(40))


def naming(classes: torch.Tensor) -> torch.Tensor:
    """Return log-probabilities that name the given classes."""
    return (9.0 * torch.nn.functional.one_hot(classes, 10)).log_softmax(dim=1)


def judged(
    target: torch.Tensor, answers: torch.Tensor, asked: list[int], test: LabelledImages = TEST, *, scores: bool = True
) -> dict:
    """Judge one surrogate per repetition that answers `answers` after its attacker asked about `asked`."""
    surrogates = SimpleNamespace(
        predict=lambda _: answers.unsqueeze(0),
        final_losses=torch.ones(1, len(answers), 3),
    )
    none = torch.full((len(asked),), NONE)
    queries = Asked(test.pixels()[asked], none, none, target[asked])
    extraction = object.__new__(Extraction)
    object.__setattr__(extraction, "attackers", [("adaptive", Knowledge.ADAPTIVE)])
    object.__setattr__(extraction, "curve", [(len(asked), surrogates)])
    object.__setattr__(extraction, "asked", [queries] * len(answers))
    (verdict,) = judge_extraction(extraction, Judged(test, target, scores))
    assert (verdict.name, verdict.knowledge) == ("adaptive", Knowledge.ADAPTIVE)
    assert [point.budget for point in verdict.points] == [len(asked)]
    return verdict.metrics


def test_fidelity_is_agreement_with_the_target_and_accuracy_with_the_labels():
    wrong = (TEST.labels + 1) % 10
    target = naming(torch.where(torch.arange(40) < 10, wrong, TEST.labels))
    figures = judged(target, naming(TEST.labels).unsqueeze(0), asked=[])
    assert figures["fidelity"].value == pytest.approx(30 / 40)
    assert figures["accuracy"].value == 1.0
    assert (figures["fidelity_target_right"].value, figures["fidelity_target_right"].n) == (1.0, 30)
    assert (figures["fidelity_target_wrong"].value, figures["fidelity_target_wrong"].n) == (0.0, 10)


def test_a_victim_that_tells_classes_alone_is_not_compared_by_probabilities():
    figures = judged(naming(TEST.labels), naming(TEST.labels).unsqueeze(0), asked=[], scores=False)
    assert (figures["fidelity"].value, figures["kl"].given) == (1.0, False)


def test_images_that_were_asked_about_do_not_count_as_unqueried():
    asked = list(range(16))
    surrogate = naming(torch.where(torch.arange(40) < 16, TEST.labels, (TEST.labels + 1) % 10))
    figures = judged(naming(TEST.labels), surrogate.unsqueeze(0), asked=asked)
    assert figures["fidelity"].value == pytest.approx(16 / 40)
    assert (figures["fidelity_unqueried"].value, figures["fidelity_unqueried"].n) == (0.0, 24)
    assert (figures["accuracy_unqueried"].value, figures["accuracy_unqueried"].n) == (0.0, 24)


def test_the_same_image_at_another_place_counts_as_asked_about():
    twice = TEST.take(torch.tensor([0, 1, 0]))
    figures = judged(naming(twice.labels), naming(twice.labels).unsqueeze(0), asked=[0], test=twice)
    assert figures["fidelity_unqueried"].n == 1


def test_what_cannot_be_given_says_why():
    figures = judged(naming(TEST.labels), naming(TEST.labels).unsqueeze(0), asked=list(range(40)))
    for name in ("fidelity_unqueried", "accuracy_unqueried", "fidelity_target_wrong"):
        assert figures[name].value is None
        assert figures[name].why


def test_repetitions_are_averaged_with_their_spread():
    wrong = naming((TEST.labels + 1) % 10)
    figures = judged(naming(TEST.labels), torch.stack([naming(TEST.labels), wrong]), asked=[])
    fidelity = figures["fidelity"]
    assert (fidelity.value, fidelity.repetitions, fidelity.n) == (0.5, 2, 40)
    assert fidelity.sd == pytest.approx(np.sqrt(0.5))


def asked(membership: np.ndarray) -> LabelledImages:
    """Return images to have been asked about: one for each bit."""
    return LabelledImages(torch.zeros(len(membership), 1, 2, 2, dtype=torch.uint8), torch.zeros(len(membership)).long())


def inference(scores: np.ndarray, decisions: np.ndarray) -> Inference:
    return Inference("published", Knowledge.PUBLISHED, scores, decisions)


def test_a_perfect_and_a_constant_membership_attack():
    membership = np.arange(200) < 100
    (perfect,) = judge_membership([[inference(membership * 1.0, membership)]], [membership], [asked(membership)])
    assert {perfect.metrics[name].value for name in ("accuracy", "balanced_accuracy", "auc", "tpr_at_fpr_0.1")} == {1.0}
    (constant,) = judge_membership([[inference(np.zeros(200), membership | True)]], [membership], [asked(membership)])
    assert constant.metrics["accuracy"].value == 0.5
    assert constant.metrics["auc"].value == 0.5
    assert constant.metrics["tpr_at_fpr_0.1"].value == pytest.approx(0.1)
    assert constant.metrics["ppv_at_prior_0.1"].value == pytest.approx(0.1)


def test_a_rate_that_too_few_images_can_measure_says_so():
    membership = np.arange(200) < 100
    (verdict,) = judge_membership([[inference(membership * 1.0, membership)]], [membership], [asked(membership)])
    assert verdict.metrics["tpr_at_fpr_0.001"].value is None
    assert "non-members" in verdict.metrics["tpr_at_fpr_0.001"].why


def test_the_roc_of_ties_is_the_line_that_a_coin_draws():
    membership = np.arange(200) < 100
    (verdict,) = judge_membership([[inference(np.zeros(200), membership)]], [membership], [asked(membership)])
    assert verdict.curves["roc"]["tpr"] == pytest.approx(verdict.curves["roc"]["fpr"])


def test_what_a_defence_costs():
    target = naming(TEST.labels)
    free, _ = judge_defence([NoDefence()], TEST, [target])
    assert (free["test_accuracy"].value, free["labels_changed"].value, free["l1"].value) == (1.0, 0.0, 0.0)
    assert free["calibration"].value == pytest.approx(1 - target.exp().max().item(), rel=1e-3)
    labels, _ = judge_defence([LabelOnly()], TEST, [target])
    expected = 2 * (1 - target.exp().max().item())
    assert labels["labels_changed"].value == 0.0
    assert labels["l1"].value == pytest.approx(expected, rel=1e-2)


def test_a_defence_that_changes_labels_is_found_out():
    cost, _ = judge_defence([lambda said, _: said.roll(1, dims=1)], TEST, [naming(TEST.labels)])
    assert (cost["test_accuracy"].value, cost["labels_changed"].value) == (0.0, 1.0)


def test_what_a_defence_costs_is_averaged_over_targets():
    right, wrong = naming(TEST.labels), naming((TEST.labels + 1) % 10)
    cost, _ = judge_defence([NoDefence()] * 2, TEST, [right, wrong])
    assert (cost["test_accuracy"].value, cost["test_accuracy"].repetitions) == (0.5, 2)


def test_several_targets_together_can_measure_a_rate_that_none_can_alone():
    membership = np.arange(400) < 200
    scores = [membership * 1.0 + 0.001 * number for number in range(5)]
    (alone,) = judge_membership([[inference(scores[0], membership)]], [membership], [asked(membership)])
    assert alone.metrics["tpr_at_fpr_0.01"].value is None
    (verdict,) = judge_membership(
        [[inference(score, membership)] for score in scores],
        [membership] * 5,
        [asked(membership)] * 5,
        targets=True,
    )
    assert verdict.metrics["tpr_at_fpr_0.01"].value == 1.0
    assert verdict.metrics["tpr_at_fpr_0.001"].value is None
