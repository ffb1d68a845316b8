import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Candidates
from privattack.attacks.membership.mia import MembershipInference, gap, loss, modified_entropy
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
    return LabelledImages(torch.from_numpy(images), torch.from_numpy(labels))


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
    return {inference.name: inference for inference in inferences}, service


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
    inference = run(candidates)[0][attacker]
    assert auc(inference.scores, membership).value > 0.95
    assert accuracy(inference, membership) > 0.9


@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly(), Flatten()], ids=lambda defence: type(defence).__name__)
def test_the_adaptive_attacker_finds_members_by_the_label_alone_whatever_the_defence(defence, memorised):
    candidates, membership = memorised
    inference = run(candidates, defence=defence)[0]["adaptive"]
    assert auc(inference.scores, membership).value > 0.7
    assert accuracy(inference, membership) > 0.7


def test_hidden_scores_hide_members_whom_the_label_does_not_tell(confident):
    candidates, membership = confident
    for inference in run(candidates, defence=LabelOnly())[0].values():
        assert 0.35 < auc(inference.scores, membership).value < 0.65


@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly(), Flatten()], ids=lambda defence: type(defence).__name__)
def test_the_published_attacker_is_scikit_learns_logistic_regression_on_the_softmax(defence, confident):
    candidates, _ = confident
    inferences, service = run(candidates, defence=defence)
    known, unknown = (response.double().exp().numpy() for response in service.transcript.responses)
    reference = LogisticRegression(max_iter=1000).fit(known, candidates.known_membership)
    np.testing.assert_array_equal(inferences["published"].decisions, reference.predict(unknown))
    np.testing.assert_allclose(inferences["published"].scores, reference.decision_function(unknown), rtol=1e-9)


def test_the_attackers_asked_for_run_in_the_order_asked_for(confident):
    candidates, _ = confident
    inferences, _ = run(candidates, attackers=("adaptive", "published"))
    assert list(inferences) == ["adaptive", "published"]
    assert [inference.knowledge for inference in inferences.values()] == [Knowledge.ADAPTIVE, Knowledge.PUBLISHED]
    assert list(run(candidates, attackers=("published",))[0]) == ["published"]


PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [0.01, 0.01, 0.98]])
LABELS = np.array([0, 2, 1])


def test_the_scores_are_the_papers():
    log = np.log(PROBABILITIES)
    np.testing.assert_allclose(loss(log, LABELS), np.log([0.7, 0.25, 0.01]))
    np.testing.assert_array_equal(gap(log, LABELS), [1, 0, 0])
    expected = [
        0.3 * np.log(0.7) + 0.2 * np.log(0.8) + 0.1 * np.log(0.9),
        0.75 * np.log(0.25) + 0.25 * np.log(0.75) + 0.5 * np.log(0.5),
        0.99 * np.log(0.01) + 0.01 * np.log(0.99) + 0.98 * np.log(0.02),
    ]
    np.testing.assert_allclose(modified_entropy(log, LABELS), expected)


@given(
    logits=st.lists(st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=4), min_size=1, max_size=6),
    label=st.integers(0, 3),
)
def test_scores_are_numbers_however_sure_the_target_is(logits, label):
    log = torch.tensor(logits, dtype=torch.float64).log_softmax(dim=1).numpy()
    labels = np.full(len(log), label)
    for score in (loss, gap, modified_entropy):
        scores = score(log, labels)
        assert scores.shape == labels.shape
        assert np.isfinite(scores).all()
        assert scores.dtype == np.float64


@given(share=st.floats(0.01, 0.98))
def test_modified_entropy_rises_with_the_true_class(share):
    """Song & Mittal's reason for it: unlike entropy, it falls when the target is sure of a wrong class."""
    rows = [[share, (1 - share) * 0.6, (1 - share) * 0.4], [share + 0.01, (0.99 - share) * 0.6, (0.99 - share) * 0.4]]
    less, more = modified_entropy(np.log(np.array(rows)), np.array([0, 0]))
    assert more > less


@pytest.mark.parametrize("attackers", [["no_query"], ["blind"], [], "adaptive"], ids=str)
def test_attackers_that_there_are_not_are_refused_with_those_there_are(attackers):
    with pytest.raises(UserError, match=r"attack\.attackers=.* of published, adaptive\."):
        MembershipInference(attackers=attackers)
