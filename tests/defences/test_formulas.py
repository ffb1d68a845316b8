"""Each defence against a formula written another way, and what its paper says of it."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch.nn.functional import log_softmax

from privattack.defences.chain import Chain
from privattack.defences.distributions import probabilities
from privattack.defences.mad import Mad
from privattack.defences.memguard import MemGuard
from privattack.defences.modelguard_s import ModelGuardS
from privattack.defences.modelguard_w import ModelGuardW
from privattack.defences.noise import Noise
from privattack.defences.reverse_sigmoid import ReverseSigmoid
from privattack.defences.rounding import Rounding
from privattack.defences.temperature import Temperature
from privattack.defences.top_k import TopK
from privattack.errors import UserError
from tests.defences.owners import owner

PIXELS = torch.randint(0, 256, (60, 1, 28, 28), generator=torch.Generator().manual_seed(1)) / 255
SAID = (4 * torch.randn(60, 10, generator=torch.Generator().manual_seed(0))).log_softmax(dim=1)


def distances(answer: torch.Tensor, said: torch.Tensor = SAID) -> torch.Tensor:
    return (answer.double().exp() - probabilities(said)).abs().sum(dim=1)


def test_rounding():
    answer = Rounding(decimals=2)(SAID[:, :3].log_softmax(dim=1), PIXELS).exp().numpy()
    expected = np.round(SAID[:, :3].double().softmax(dim=1).numpy(), 2)
    expected /= expected.sum(axis=1, keepdims=True)
    clear = np.diff(np.sort(expected, axis=1))[:, -1] > 1e-3
    np.testing.assert_allclose(answer[clear], expected[clear], atol=1e-6)


def test_top_k_shares_or_drops_the_rest():
    said = torch.tensor([[0.5, 0.3, 0.1, 0.06, 0.04]]).log()
    shared = TopK(k=2)(said, PIXELS[:1]).exp()
    torch.testing.assert_close(shared, torch.tensor([[0.5, 0.3, 0.2 / 3, 0.2 / 3, 0.2 / 3]]), atol=1e-6, rtol=0)
    dropped = TopK(k=2, rest="dropped")(said, PIXELS[:1]).exp()
    torch.testing.assert_close(dropped, torch.tensor([[0.625, 0.375, 0, 0, 0]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(TopK(k=9)(said, PIXELS[:1]), said, atol=1e-5, rtol=0)


def test_temperature_is_that_of_the_logits_and_who_knows_it_undoes_it():
    logits = torch.randn(60, 10, generator=torch.Generator().manual_seed(3))
    answer = Temperature(temperature=3.0)(logits.log_softmax(dim=1), PIXELS)
    torch.testing.assert_close(answer, log_softmax(logits / 3, dim=1), atol=1e-5, rtol=0)
    undo = Temperature(temperature=3.0).counter().undo
    torch.testing.assert_close(undo(answer), logits.log_softmax(dim=1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_noise_has_its_scale_and_averages_away_only_where_it_is_fresh(kind):
    said = torch.full((60, 10), 0.1).log()
    noise = Noise(scale=0.01, kind=kind, keep_label=False)(said, PIXELS).exp() - 0.1
    assert noise.std() == pytest.approx(0.01, rel=0.1)
    fresh = Noise(scale=0.03, kind=kind, keep_label=False, fresh=True).session(1)
    averaged = torch.stack([fresh(said, PIXELS).exp() for _ in range(30)]).mean(dim=0)
    assert distances(averaged.log(), said).mean() < 0.3 * distances(fresh(said, PIXELS), said).mean()
    assert torch.equal(Noise(kind=kind)(said, PIXELS), Noise(kind=kind)(said, PIXELS))
    assert not torch.equal(Noise(kind=kind, key=1)(said, PIXELS), Noise(kind=kind)(said, PIXELS))


def test_reverse_sigmoid():
    answer = ReverseSigmoid(beta=0.7, gamma=0.3)(SAID, PIXELS).double().exp().numpy()
    y = np.clip(np.exp(SAID.double().log_softmax(dim=1).numpy()), 1e-9, 1 - 1e-9)
    expected = y - 0.7 * (1 / (1 + ((1 - y) / y) ** 0.3) - 0.5)
    np.testing.assert_allclose(answer, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)
    torch.testing.assert_close(ReverseSigmoid(beta=0.0)(SAID, PIXELS).exp(), SAID.exp(), atol=1e-6, rtol=0)


def deviation(mad: Mad, image: int, said: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
    """Return the squared distance of normalised gradients, by the network's own gradients: the paper's equation 4."""
    network = mad.network((1, 28, 28), len(said))
    losses = -log_softmax(network(PIXELS[[image]]), dim=1)[0]
    weight = [*network.parameters()][-2]
    rows = [torch.autograd.grad(loss, weight, retain_graph=True)[0].flatten() for loss in losses]
    gradients = torch.stack(rows).double()
    u, v = (one.double() @ gradients for one in (answer, said))
    return (u / u.norm() - v / v.norm()).square().sum()


@pytest.mark.parametrize("keep_label", [False, True])
def test_mad_turns_the_gradient_of_the_network_that_stands_for_the_attackers_as_far_as_any_vertex(keep_label):
    mad = Mad(epsilon=2.0, keep_label=keep_label)
    said = SAID[:, :5].log_softmax(dim=1)
    answer = mad(said, PIXELS)
    for image in range(5):
        winner = int(said[image].argmax())
        vertices = torch.cartesian_prod(*[torch.arange(2.0)] * 5) if keep_label else torch.eye(5)
        vertices = [one for one in vertices if not keep_label or one[winner]]
        reached = [deviation(mad, image, said[image].exp(), one / one.sum()) for one in vertices]
        torch.testing.assert_close(
            deviation(mad, image, said[image].exp(), answer[image].exp()), max(reached), atol=2e-3, rtol=0
        )


@pytest.mark.parametrize("defence", [Mad, ModelGuardW, ModelGuardS])
@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_epsilon_bounds_the_distance_to_the_truth(defence, epsilon):
    assert distances(defence(epsilon=epsilon)(SAID, PIXELS)).max() <= epsilon + 1e-3


def test_with_many_classes_mad_finds_among_few_vertices_what_it_finds_among_all(monkeypatch):
    exact = Mad(epsilon=2.0, keep_label=True)(SAID, PIXELS)
    monkeypatch.setattr("privattack.defences.mad.FEW", 5)
    quick = Mad(epsilon=2.0, keep_label=True)
    reached = [
        [deviation(quick, image, SAID[image].exp(), answer[image].exp()) for image in range(20)]
        for answer in (exact, quick(SAID, PIXELS))
    ]
    assert torch.tensor(reached[1]).mean() > 0.98 * torch.tensor(reached[0]).mean()


@pytest.mark.parametrize("epsilon", [0.2, 1.0, 1.8])
def test_modelguard_w_solves_its_linear_programme(epsilon):
    said = torch.cat([SAID[:15], 0.2 * SAID[15:30], 8 * SAID[30:40]]).log_softmax(dim=1)
    answer = ModelGuardW(epsilon=epsilon)(said, PIXELS[:40]).double().exp().numpy()
    for row, y in zip(answer, said.double().softmax(dim=1).numpy(), strict=True):
        others = np.delete(np.eye(10), y.argmax(), axis=0)
        ahead = others - np.eye(10)[y.argmax()]
        both = np.vstack([
            np.hstack([np.eye(10), -np.eye(10)]), np.hstack([-np.eye(10), -np.eye(10)]),
            np.hstack([np.zeros((1, 10)), np.ones((1, 10))]), np.hstack([ahead, np.zeros((9, 10))]),
        ])  # fmt: skip
        costs = np.log(y + 1e-6)
        solved = linprog(
            np.concatenate([costs, np.zeros(10)]), A_ub=both, b_ub=[*y, *-y, epsilon, *[-1e-4] * 9],
            A_eq=[[1.0] * 10 + [0.0] * 10], b_eq=[1.0],
        )  # fmt: skip
        assert costs @ row == pytest.approx(solved.fun, abs=2e-4)


def test_modelguard_s_gives_one_of_few_answers_the_first_that_is_near():
    session = ModelGuardS(epsilon=0.5).session(0)
    kept: dict[int, list[np.ndarray]] = {}
    for said, answered in zip(SAID.double().softmax(dim=1).numpy(), session(SAID, PIXELS).exp().numpy(), strict=True):
        known = kept.setdefault(int(said.argmax()), [])
        near = [one for one in known if np.abs(one - said).sum() <= 0.5]
        if not near:
            known.append(said)
        np.testing.assert_allclose(answered, near[0] if near else said, atol=1e-4)
    assert sum(map(len, kept.values())) < 40


def test_memguard_fools_its_own_classifier_keeps_labels_and_spends_no_more_than_epsilon():
    members, others = (owner().some(members=kind, most=100).pixels() for kind in (True, False))
    said = torch.cat([owner().answers(part) for part in (members, others)])
    pixels = torch.cat([members, others])
    defence = MemGuard(epsilon=2.0).fitted(owner())

    def right(answers: torch.Tensor) -> float:
        sorted_ = probabilities(answers).sort(dim=1, descending=True).values
        return ((defence._logits(sorted_) > 0) == (torch.arange(200) < 100)).double().mean().item()

    answer = defence(said, pixels)
    assert right(said) > 0.9
    assert right(answer) < 0.6
    assert torch.equal(answer.argmax(dim=1), said.argmax(dim=1))
    strict = MemGuard(epsilon=0.2).fitted(owner())(said, pixels)
    assert distances(strict, said).mean() < 0.25
    # The noise is all there or not there: drawn once for each image.
    there = distances(strict, said) > 1e-3
    torch.testing.assert_close(strict[there], answer[there], atol=1e-4, rtol=0)


def test_memguards_own_gradient_is_that_of_its_classifier():
    defence, said = MemGuard().fitted(owner()), SAID.double().softmax(dim=1).requires_grad_()
    logits, gradient = defence._judged(said)
    torch.testing.assert_close(gradient, torch.autograd.grad(logits.sum(), said)[0])


def test_memguard_says_what_it_lacks():
    with pytest.raises(UserError, match="fitted"):
        MemGuard()(SAID, PIXELS)


def test_a_chain_is_one_defence_after_the_other():
    chain = Chain(defences={"a": Temperature(temperature=2.0), "b": Rounding(decimals=2)})
    assert torch.equal(chain(SAID, PIXELS), Rounding(decimals=2)(Temperature(temperature=2.0)(SAID, PIXELS), PIXELS))
    assert chain.counter().undo is not None
    with pytest.raises(UserError, match=r"^defences=\{\}: needs one defence or more, by name\.$"):
        Chain(defences={})
    with pytest.raises(UserError, match=r"^defences\.a=3: needs a _target_"):
        Chain(defences={"a": 3})
