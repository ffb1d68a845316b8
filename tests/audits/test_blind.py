import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Candidates
from privattack.audits.blind import blind_inference
from privattack.data.images import LabelledImages
from privattack.metrics import auc


@pytest.fixture(autouse=True)
def one_thread():
    """Keep linear algebra of this size from waiting for threads that a loaded machine does not run."""
    with threadpool_limits(1):
        yield


def split(members: LabelledImages, nonmembers: LabelledImages) -> tuple[Candidates, np.ndarray]:
    everyone = members.join(nonmembers)
    membership = np.arange(len(everyone)) < len(members)
    known, unknown = torch.randperm(len(everyone), generator=torch.Generator().manual_seed(0)).chunk(2)
    return Candidates(everyone.take(known), membership[known], everyone.take(unknown)), membership[unknown]


def test_images_of_another_data_set_are_told_from_the_members(make_images):
    others = make_images(150, seed=1)
    candidates, membership = split(make_images(150), LabelledImages(others.images.mT.contiguous(), others.labels))
    inference = blind_inference(candidates)
    assert auc(inference.scores, membership).value > 0.95
    assert (inference.decisions == membership).mean() > 0.9
    assert (inference.name, inference.knowledge) == ("blind", Knowledge.BLIND)


@pytest.mark.parametrize("n", [150, 600])
def test_images_of_the_members_own_kind_are_not(n, make_images):
    candidates, membership = split(make_images(n), make_images(n, seed=1))
    assert 0.35 < auc(blind_inference(candidates).scores, membership).value < 0.65


def test_the_blind_see_no_labels(make_images):
    candidates, _ = split(make_images(60), make_images(60, seed=1))
    known = LabelledImages(candidates.known.images, torch.zeros_like(candidates.known.labels))
    unlabelled = Candidates(known, candidates.known_membership, candidates.unknown)
    np.testing.assert_array_equal(blind_inference(unlabelled).scores, blind_inference(candidates).scores)


def test_the_answer_is_the_same_each_time_and_goes_with_the_decision(make_images):
    candidates, _ = split(make_images(200), make_images(200, seed=1))
    first, again = blind_inference(candidates), blind_inference(candidates)
    np.testing.assert_array_equal(first.scores, again.scores)
    np.testing.assert_array_equal(first.decisions, first.scores > 0)
    assert first.scores.dtype == np.float64


def test_four_candidates_are_enough(make_images):
    images = make_images(4)
    known, unknown = images.take(torch.tensor([0, 2])), images.take(torch.tensor([1, 3]))
    inference = blind_inference(Candidates(known, np.array([True, False]), unknown))
    assert np.isfinite(inference.scores).all()
    assert inference.decisions.shape == (2,)
