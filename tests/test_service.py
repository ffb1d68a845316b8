import dataclasses
import functools
import types
from collections.abc import Callable, Iterator, Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from privattack.attacks.extraction.mea import ModelExtraction
from privattack.attacks.membership.mia import MembershipInference
from privattack.data.images import digests
from privattack.defences.base import Reveals
from privattack.defences.flatten import Flatten
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.experiment import run
from privattack.models.networks import ConvNet
from privattack.models.target import Target
from privattack.service import BudgetExceeded, Service
from tests.composing import composed

# A class or a module of Python's belongs to everybody, so nobody keeps a network there.
SHARED = type | types.ModuleType | str | bytes | int | float | None


def service_of(target, *, budget: int, defence=None) -> Service:
    return Service(target, defence or NoDefence(), budget=budget)


def test_the_answer_is_the_targets_where_nothing_defends(make_images, planted_target):
    pixels = make_images(5).pixels()
    assert torch.equal(service_of(planted_target, budget=5).query(pixels), planted_target(pixels))


def test_the_answer_goes_through_the_defence(make_images, planted_target):
    pixels = make_images(50).pixels()
    answer = service_of(planted_target, budget=50, defence=LabelOnly()).query(pixels)
    assert torch.equal(answer.argmax(dim=1), planted_target(pixels).argmax(dim=1))
    assert answer.unique().numel() == 2


@pytest.mark.parametrize(
    ("defence", "reveals"), [(NoDefence(), Reveals.SCORES), (LabelOnly(), Reveals.LABEL), (Flatten(), Reveals.LABEL)]
)
def test_the_service_says_what_its_answers_reveal(defence, reveals, planted_target):
    assert service_of(planted_target, budget=1, defence=defence).reveals is reveals


@given(sizes=st.lists(st.integers(0, 6), max_size=8), budget=st.integers(1, 20))
def test_the_budget_is_never_passed_and_every_image_is_counted(sizes, budget, make_images, planted_target):
    service = service_of(planted_target, budget=budget)
    answered = refused = 0
    for number, size in enumerate(sizes):
        pixels = make_images(size, seed=number).pixels()
        if answered + size > budget:
            with pytest.raises(BudgetExceeded):
                service.query(pixels)
            refused += size
        else:
            assert len(service.query(pixels)) == size
            answered += size
        assert (service.images, service.refused, service.remaining) == (answered, refused, budget - answered)


def test_a_query_beyond_the_budget_never_reaches_the_target(make_images):
    asked = []

    def target(pixels):
        asked.append(len(pixels))
        return torch.zeros(len(pixels), 10).log_softmax(dim=1)

    service = service_of(target, budget=3)
    with pytest.raises(BudgetExceeded, match=r"budget=3: 0 images were asked, so 4 more are refused; .* at most 3"):
        service.query(make_images(4).pixels())
    assert asked == []
    assert (service.images, service.unique_images) == (0, 0)
    service.query(make_images(3).pixels())
    assert asked == [3]


def test_repeats_count_against_the_budget(make_images, planted_target):
    pixels = make_images(4).pixels()
    service = service_of(planted_target, budget=12)
    service.query(pixels)
    service.query(pixels[[0, 0, 1, 1]])
    assert (service.images, service.unique_images, service.remaining) == (8, 4, 4)


def test_digests_tell_images_apart_by_one_pixel_and_only_by_pixels(make_images):
    pixels = make_images(3).pixels()
    changed = pixels.clone()
    changed[1, 0, 27, 27] += 1 / 255
    same = [one == other for one, other in zip(digests(pixels), digests(changed), strict=True)]
    assert same == [True, False, True]
    assert digests(pixels[1:])[0] == digests(pixels)[1]
    assert digests(pixels.mT.contiguous().mT) == digests(pixels)


def test_an_answer_does_not_depend_on_the_other_images_of_its_batch(make_images):
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 10))
    network(torch.rand(64, 1, 28, 28))
    service = service_of(Target(network.train(), device=torch.device("cpu")), budget=100)
    pixels = make_images(20).pixels()
    together = service.query(pixels)
    alone = torch.cat([service.query(pixels[[place]]) for place in range(20)])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5)


class Holder:
    """Keeps something in a slot, as a careless service might."""

    __slots__ = ("kept",)

    def __init__(self, kept: object) -> None:
        self.kept = kept


@dataclasses.dataclass
class Record:
    kept: object


def insides(thing: object) -> Iterator[object]:
    """Yield what one step reaches from `thing`: all but what a function closes over."""
    if isinstance(thing, Mapping):
        yield from thing.keys()
        yield from thing.values()
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from thing
    if isinstance(thing, types.MethodType):
        yield thing.__self__
    if isinstance(thing, functools.partial):
        yield from (thing.func, thing.args, thing.keywords)
    if isinstance(thing, torch.Tensor):
        yield thing.grad_fn
    yield from getattr(thing, "__dict__", {}).values()
    for kind in type(thing).__mro__:
        slots = getattr(kind, "__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            yield getattr(thing, slot, None)


def modules_within(*things: object) -> list[nn.Module]:
    """Return every network that can be reached from `things`."""
    found, seen, waiting = [], {}, list(things)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, SHARED):
            continue
        seen[id(thing)] = thing
        if isinstance(thing, nn.Module):
            found.append(thing)
        waiting.extend(insides(thing))
    return found


@pytest.mark.parametrize(
    "hide",
    [
        lambda network: network,
        lambda network: network.forward,
        lambda network: {"a": [(1, {network})]},
        lambda network: {network: "a"},
        lambda network: Holder(Record(network)),
        lambda network: functools.partial(print, network),
        lambda network: types.SimpleNamespace(model=network),
    ],
)
def test_the_search_for_networks_finds_one_that_is_kept(hide: Callable, planted_target):
    network = nn.Linear(1, 1)
    service = service_of(planted_target, budget=1)
    service.kept = hide(network)
    assert network in modules_within(service)


def test_nothing_in_a_service_leads_to_the_target(make_images):
    target = Target(ConvNet(classes=10), device=torch.device("cpu"))
    for defence in (NoDefence(), LabelOnly(), Flatten()):
        service = service_of(target, budget=6, defence=defence)
        answers = [service.query(make_images(n).pixels()) for n in (1, 2)]
        assert modules_within(service, answers) == []
        assert not any(answer.requires_grad for answer in answers)


class Enough(Exception):
    pass


@pytest.mark.parametrize(("option", "attack"), [("mea", ModelExtraction), ("mia", MembershipInference)])
def test_nothing_that_a_run_gives_an_attack_leads_to_the_target(option, attack, tmp_path, monkeypatch):
    received = []

    def look(self, *args, **kwargs):
        received.extend([self, args, kwargs])
        raise Enough

    monkeypatch.setattr(attack, "run", look)
    overrides = [f"attack={option}", "data=digits", "target=mlp", "target.epochs=1", "trainer=cpu"]
    config = composed(*overrides, f"store={tmp_path / 'store'}", "trainer.progress=false")
    choices = {"attack": option, "defence": "none", "data": "digits", "nonmembers": "holdout"}
    with pytest.raises(Enough):
        run(config, choices, tmp_path)
    assert any(isinstance(thing, Service) for thing in flat(received))
    assert modules_within(*received) == []


def flat(things: object) -> list[object]:
    if isinstance(things, dict):
        return flat(list(things.values()))
    return [leaf for thing in things for leaf in flat(thing)] if isinstance(things, list | tuple) else [things]
