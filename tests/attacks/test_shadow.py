"""What every membership inference attack with shadow models relies on."""

import dataclasses

import numpy as np
import torch

from privattack.attacks.membership.shadow import KEPT_SIGNALS, listener, told
from privattack.attacks.membership.signals import entropy, hinge, loss, margin
from privattack.defences.base import Reveals
from privattack.defences.flatten import Flatten
from privattack.defences.label_only import LabelOnly
from privattack.service import Service


def test_without_a_model_every_candidate_is_in_as_many_models_as_before_less_one(random_world):
    """Otherwise the number of models that learnt a candidate would tell whether the one left out did."""
    world = random_world(models=8)
    first = np.random.default_rng(0).permutation(np.arange(len(world.labels)) % 2 == 0)
    shadows = [
        dataclasses.replace(shadow, membership=first if number % 2 == 0 else ~first)
        for number, shadow in enumerate(world.auxiliary.shadows)
    ]
    auxiliary = dataclasses.replace(world.auxiliary, shadows=shadows)
    for number in range(8):
        left = auxiliary.without(number)
        assert len(left.shadows) == 6
        assert all(shadow is not auxiliary.shadows[number] for shadow in left.shadows)
        assert (left.membership.sum(axis=0) == 3).all()


def test_signals_are_computed_once_for_each_model_and_few_are_kept(random_world):
    world = random_world()
    calls = []

    def counted(log_probabilities, labels):
        calls.append(1)
        return loss(log_probabilities, labels)

    auxiliary = world.auxiliary
    expected = [loss(rows, world.labels) for rows in world.log_probabilities]
    np.testing.assert_allclose(auxiliary.signals(counted), expected)
    np.testing.assert_allclose(auxiliary.without(0).signals(counted), expected[2:])
    assert len(calls) == len(auxiliary.shadows)
    for signal in (margin, hinge, entropy):
        auxiliary.signals(signal)
    assert all(len(shadow._signals) <= KEPT_SIGNALS for shadow in auxiliary.shadows)


def test_where_only_the_label_is_true_all_else_is_dropped():
    truth = torch.randn(20, 10).log_softmax(dim=1)
    pixels = torch.rand(20, 1, 28, 28)
    answers = [told(defence(truth, pixels), defence.reveals) for defence in (LabelOnly(), Flatten(key=5))]
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[0].argmax(dim=1), truth.argmax(dim=1))
    assert torch.equal(told(truth, Reveals.SCORES), truth)


def test_an_answer_that_rules_a_class_out_gives_finite_signals():
    impossible = torch.tensor([[0.0, -torch.inf, -torch.inf], [-torch.inf, 0.0, -torch.inf]])
    answers = told(impossible, Reveals.SCORES).double().numpy()
    for signal in (loss, margin, hinge, entropy):
        assert np.isfinite(signal(answers, np.array([0, 0]))).all()


def test_the_listener_spends_the_services_budget():
    service = Service(lambda pixels: torch.zeros(len(pixels), 10).log_softmax(dim=1), LabelOnly(), budget=5)
    listener(service)(torch.zeros(3, 1, 28, 28))
    assert service.remaining == 2
