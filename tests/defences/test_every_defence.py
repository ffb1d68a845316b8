"""What users rely on in every defence that conf/ offers."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from privattack.data.query_pool import QueryPool
from privattack.defences.base import Defence, Reveals
from privattack.service import Service
from tests.attacks.extracting import SEEDS, linear_target, trainer
from tests.composing import made, options
from tests.defences.owners import ready
from tests.services import Front

# Of one class at several strengths, one is enough.
OPTIONS = [option for option in options("defence") if not option.endswith("_weak")]
QUICK = {"memguard": ["defence.steps=5"]}
SEVERAL_LOGITS = st.sampled_from([0.0, 1.0, -1.0, 1e-6, 30.0, -200.0, float("-inf")])


@st.composite
def log_probabilities(draw: st.DrawFn) -> Tensor:
    """Batches of 1 to 6 rows and 2 to 30 classes, with ties, near ties, certainties and impossible classes."""
    shape = (draw(st.integers(1, 6)), draw(st.integers(2, 30)))
    logits = torch.from_numpy(draw(arrays("float64", shape, elements=SEVERAL_LOGITS)))
    possible = torch.arange(shape[0]) % shape[1]
    logits[range(shape[0]), possible] = logits[range(shape[0]), possible].clamp(min=-300.0)
    return logits.log_softmax(dim=1).to(torch.float32)


def some_pixels(n: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (n, 1, 28, 28), generator=torch.Generator().manual_seed(seed)) / 255


@pytest.fixture(scope="module", params=OPTIONS)
def defence(request):
    return ready(made("defence", f"defence={request.param}", *QUICK.get(request.param, [])))


def test_there_are_defences():
    assert {"none", "label_only", "flatten"} <= set(OPTIONS)


def test_it_says_what_it_reveals(defence):
    assert isinstance(defence, Defence)
    assert isinstance(defence.reveals, Reveals)


@settings(max_examples=15)
@given(said=log_probabilities())
@example(said=torch.zeros(3, 10).log_softmax(dim=1))
def test_it_keeps_the_winner_of_every_row_ties_included(defence, said):
    if not defence.keeps_label:
        return
    answer = defence.session(1)(said, some_pixels(len(said)))
    assert torch.equal(answer.argmax(dim=1), said.argmax(dim=1))


@settings(max_examples=15)
@given(said=log_probabilities())
def test_it_answers_with_a_proper_distribution(defence, said):
    answer = defence.session(1)(said, some_pixels(len(said)))
    assert answer.shape == said.shape
    assert answer.dtype == said.dtype
    assert not answer.isnan().any()
    assert answer.isfinite().all() or not defence.distorts
    torch.testing.assert_close(answer.exp().sum(dim=1), torch.ones(len(said)), rtol=0, atol=1e-5)


@settings(max_examples=15)
@given(said=log_probabilities())
def test_an_answer_does_not_depend_on_the_other_images_of_its_batch(defence, said):
    if defence.stateful:
        return
    pixels = some_pixels(len(said))
    together = defence(said, pixels)
    alone = [defence(said[[row]], pixels[[row]]) for row in range(len(said))]
    assert torch.equal(torch.cat(alone), together)
    assert torch.equal(defence(said.flip(0), pixels.flip(0)).flip(0), together)


@settings(max_examples=15)
@given(said=log_probabilities())
def test_the_same_image_gets_the_same_answer(defence, said):
    pixels = some_pixels(len(said))
    session = defence.session(1)
    assert torch.equal(session(said, pixels), session(said, pixels))


def test_it_changes_neither_the_targets_answer_nor_the_image(defence):
    said, pixels = torch.randn(4, 10).log_softmax(dim=1), some_pixels(4)
    kept = said.clone(), pixels.clone()
    defence.session(1)(said, pixels)
    assert torch.equal(said, kept[0])
    assert torch.equal(pixels, kept[1])


def test_it_answers_an_empty_batch(defence):
    assert defence(torch.empty(0, 10), some_pixels(0)).shape == (0, 10)


def test_a_label_is_all_that_a_defence_that_reveals_labels_gives_away(defence):
    """Two targets that agree on the winner look alike; otherwise `reveals` would promise too much."""
    if defence.reveals is not Reveals.LABEL:
        pytest.skip("reveals scores")
    said, pixels = torch.randn(50, 10).log_softmax(dim=1), some_pixels(50)
    winners_alone = torch.nn.functional.one_hot(said.argmax(dim=1), 10).to(torch.float32).log_softmax(dim=1)
    assert torch.equal(defence(said, pixels), defence(winners_alone, pixels))


# With a state that a session keeps, too.
FRESH = [(option, "defence.fresh=true") for option in ("flatten", "noise", "memguard")]


@pytest.fixture(scope="module", params=[(option,) for option in OPTIONS] + FRESH, ids="-".join)
def met(request):
    """Return a defence as clients meet it, in sessions."""
    option, *settings = request.param
    return ready(made("defence", f"defence={option}", *QUICK.get(option, []), *settings))


def test_each_client_has_a_session_of_its_own(met):
    said, pixels = torch.randn(5, 10).log_softmax(dim=1), some_pixels(5)
    alone = met.session(1)
    expected = [alone(said, pixels) for _ in range(2)]
    session, other = met.session(1), met.session(2)
    for answer in expected:
        other(said, pixels)
        met.session(1)(said, pixels)
        assert torch.equal(session(said, pixels), answer)


def test_a_session_answers_a_batch_as_it_answers_its_images_one_by_one(met):
    said, pixels = torch.randn(5, 10).log_softmax(dim=1), some_pixels(5)
    session = met.session(1)
    alone = [session(said[[row]], pixels[[row]]) for row in range(len(said))]
    assert torch.equal(torch.cat(alone), met.session(1)(said, pixels))


def test_the_curve_of_one_run_is_what_runs_of_each_budget_find(met, make_images):
    """In rounds: a state that hangs on what is asked later would tell."""
    attack = made("attack", "attack=activethief", "attack.start=20")
    pool, pixels = QueryPool(make_images(60), 10), make_images(20, seed=1).pixels()

    def curve(*budgets: int) -> list[tuple[int, Tensor]]:
        services = [Front(Service(linear_target, met.session(seed), budget=budgets[-1])) for seed in SEEDS]
        extraction = attack.run(services, pool, trainer(), budgets=budgets, seeds=SEEDS)
        return [(budget, surrogates.predict(pixels)) for budget, surrogates in extraction.curve]

    for budget, predicted in curve(25, 40):
        ((_, alone),) = curve(budget)
        assert torch.equal(predicted, alone)


def test_an_imitation_reveals_as_much_and_knows_no_secret(met):
    said, pixels = torch.randn(50, 10).log_softmax(dim=1), some_pixels(50)
    imitation = met.imitation()
    answer, imitated = met.session(1)(said, pixels), imitation.session(1)(said, pixels)
    assert imitation.reveals is met.reveals
    assert (imitation.keeps_label, imitation.stateful) == (met.keeps_label, met.stateful)
    if met.keeps_label:
        assert torch.equal(imitated.argmax(dim=1), said.argmax(dim=1))
    if hasattr(met, "key"):
        assert imitation.key != met.key
    else:
        assert torch.equal(imitated, answer)


def test_what_an_attacker_undoes_is_nearer_to_the_target_and_answers_that_average_are_said(met):
    said, pixels = torch.randn(50, 10).log_softmax(dim=1), some_pixels(50)
    counter, session = met.counter(), met.session(1)
    answer = session(said, pixels)
    if counter.undo is not None:
        before, after = ((one.exp() - said.exp()).abs().sum() for one in (answer, counter.undo(answer)))
        assert after < before
    assert counter.repeats >= 1
    assert counter.repeats > 1 or not counter.copies
