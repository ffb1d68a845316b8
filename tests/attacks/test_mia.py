import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Candidates
from privattack.attacks.membership.mia import MembershipInference
from privattack.data.images import LabelledImages
from privattack.defences.flatten import Flatten
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.metrics import auc
from privattack.service import Service

CLASSES = 10


def leaky_target(pixels):
    """Read the logits from an image's corner: 10 pixels, one per class."""
    return (20 * pixels[:, 0, 0, :CLASSES]).log_softmax(dim=1)


def plant(n: int, *, sure: float, right: float, seed: int, labels: int = CLASSES) -> LabelledImages:
    """Return images whose corner makes `leaky_target` about `sure` (0 to 1) of a class, right with `right`."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, labels, n)
    named = np.where(random.random(n) < right, labels, (labels + random.integers(1, CLASSES, n)) % CLASSES)
    images = np.zeros((n, 28, 28), dtype=np.uint8)
    images[np.arange(n), 0, named] = (255 * sure * random.uniform(0.8, 1.0, n)).astype(np.uint8)
    return LabelledImages(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels))


def candidates_of(members: LabelledImages, nonmembers: LabelledImages) -> tuple[Candidates, np.ndarray]:
    """Return candidates, half of them known, and the unknown ones' membership."""
    everyone = members.join(nonmembers)
    membership = np.arange(len(everyone)) < len(members)
    order = torch.randperm(len(everyone), generator=torch.Generator().manual_seed(0))
    known, unknown = order.chunk(2)
    return Candidates(everyone.take(known), membership[known], everyone.take(unknown)), membership[unknown]


def run(candidates, *, defence=None, attackers=("published", "adaptive"), target=leaky_target):
    budget = len(candidates.known) + len(candidates.unknown)
    service = Service(target, defence or NoDefence(), budget=budget)
    inferences = MembershipInference(attackers=attackers).run(service, candidates, seed=0)
    return {inference.name: inference for inference in inferences}


@pytest.fixture(scope="module")
def confident():
    """Members of whom the target is surer than of others; of both it is right."""
    return candidates_of(plant(200, sure=0.9, right=1.0, seed=0), plant(200, sure=0.5, right=1.0, seed=1))


@pytest.fixture(scope="module")
def memorised():
    """Members that the target names rightly, and others that it mostly does not."""
    return candidates_of(plant(200, sure=0.9, right=1.0, seed=0), plant(200, sure=0.9, right=0.4, seed=1))


def accuracy(inference, membership):
    return (inference.decisions == membership).mean()


@pytest.mark.parametrize("attacker", ["published", "adaptive"])
def test_members_of_one_class_are_found_even_by_scores_that_are_linear_in_the_softmax(attacker):
    members, nonmembers = (plant(200, sure=sure, right=1.0, seed=0, labels=1) for sure in (0.4, 0.1))
    candidates, membership = candidates_of(members, nonmembers)
    inference = run(candidates)[attacker]
    assert auc(inference.scores, membership).value > 0.95
    assert accuracy(inference, membership) > 0.9


@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly(), Flatten()], ids=lambda defence: type(defence).__name__)
def test_the_adaptive_attacker_finds_members_by_the_label_alone_whatever_the_defence(defence, memorised):
    candidates, membership = memorised
    inference = run(candidates, defence=defence)["adaptive"]
    assert auc(inference.scores, membership).value > 0.7
    assert accuracy(inference, membership) > 0.7


def test_the_adaptive_attacker_learns_what_no_score_tells():
    """Of members the target is surer than of others in one half of the classes, and less sure in the other half."""
    parts = [plant(1_200, sure=sure, right=1.0, seed=seed) for seed, sure in enumerate((0.9, 0.45))]
    members_sure, others_unsure = (part.take((part.labels < 5).nonzero().flatten()) for part in parts)
    others_sure, members_unsure = (part.take((part.labels >= 5).nonzero().flatten()) for part in parts)
    candidates, membership = candidates_of(members_sure.join(members_unsure), others_sure.join(others_unsure))
    inferences = run(candidates)
    assert auc(inferences["adaptive"].scores, membership).value > 0.95
    assert accuracy(inferences["adaptive"], membership) > 0.9


def test_the_adaptive_attacker_works_with_few_known_images():
    candidates, membership = candidates_of(plant(6, sure=0.9, right=1.0, seed=0), plant(6, sure=0.3, right=1.0, seed=1))
    assert accuracy(run(candidates)["adaptive"], membership) > 0.5


def test_hidden_scores_hide_members_whom_the_label_does_not_tell(confident):
    candidates, membership = confident
    for inference in run(candidates, defence=LabelOnly()).values():
        assert 0.35 < auc(inference.scores, membership).value < 0.65


@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly(), Flatten()], ids=lambda defence: type(defence).__name__)
def test_the_published_attacker_is_scikit_learns_logistic_regression_on_the_softmax(defence, confident):
    candidates, _ = confident
    inferences = run(candidates, defence=defence)
    known, unknown = (
        defence(leaky_target(pixels), pixels).double().exp().numpy()
        for pixels in (candidates.known.pixels(), candidates.unknown.pixels())
    )
    reference = LogisticRegression(max_iter=1000).fit(known, candidates.known_membership)
    np.testing.assert_array_equal(inferences["published"].decisions, reference.predict(unknown))
    np.testing.assert_allclose(inferences["published"].scores, reference.decision_function(unknown), rtol=1e-9)


def test_the_attackers_asked_for_run_in_the_order_asked_for(confident):
    candidates, _ = confident
    inferences = run(candidates, attackers=("adaptive", "published"))
    assert list(inferences) == ["adaptive", "published"]
    assert [inference.knowledge for inference in inferences.values()] == [Knowledge.ADAPTIVE, Knowledge.PUBLISHED]
    assert list(run(candidates, attackers=("published",))) == ["published"]


@pytest.mark.parametrize("attackers", [["no_query"], ["blind"], [], "adaptive"], ids=str)
def test_attackers_that_there_are_not_are_refused_with_those_there_are(attackers):
    with pytest.raises(UserError, match=r"^attackers=.* of published, adaptive\."):
        MembershipInference(attackers=attackers)
