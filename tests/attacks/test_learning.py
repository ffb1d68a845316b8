import pytest
import torch

from privattack.attacks.extraction.knowing import adaptive_loss
from privattack.attacks.extraction.learning.averaging import Averaged
from privattack.attacks.extraction.learning.base import Transcript
from privattack.attacks.extraction.learning.bayes import Bayes
from privattack.attacks.extraction.learning.restorer import Restorer
from privattack.data.query_pool import QueryPool
from privattack.defences.base import Counter, Reveals
from privattack.defences.chain import Chain
from privattack.defences.flatten import Flatten
from privattack.defences.mad import Mad
from privattack.defences.noise import Noise
from privattack.defences.none import NoDefence
from privattack.defences.reverse_sigmoid import ReverseSigmoid
from privattack.defences.rounding import Rounding
from privattack.defences.temperature import Temperature
from privattack.service import BudgetExceeded, Service
from tests.attacks.extracting import SEEDS, Recorder, linear_target, trainer
from tests.composing import made


def run(attack, images, learning, *, defence, budget=100, surrogates=None):
    services = [Service(linear_target, defence, budget=budget) for _ in SEEDS]
    pool = QueryPool(images, 10)
    return attack.run(services, pool, surrogates or trainer(), budgets=[budget], seeds=SEEDS, learning=learning)


@pytest.fixture(scope="module")
def images(make_images):
    return make_images(300)


@pytest.mark.parametrize("defence", [NoDefence(), Flatten()], ids=lambda one: type(one).__name__)
def test_where_scores_are_the_targets_own_or_tell_nothing_the_attacks_own_attackers_are_all(images, defence):
    found = run(made("attack", "attack=mea"), images, made("learning"), defence=defence)
    assert [name for name, _ in found.attackers] == ["published", "adaptive", "no_query"]


def test_where_scores_are_distorted_the_whole_fixed_set_learns_from_the_same_answers(images):
    learning = made("learning", "+learning.learners.semi_supervised.steps=2", "+learning.learners.restorer.epochs=1")
    alone = run(made("attack", "attack=mea"), images, made("learning", "learning=naive"), defence=Mad())
    found = run(made("attack", "attack=mea"), images, learning, defence=Mad())
    others = ["label", "restorer", "bayes", "semi_supervised"]
    assert [name for name, _ in found.attackers] == ["published", "adaptive", "no_query", *others]
    for one, other in zip(found.asked, alone.asked, strict=True):
        assert torch.equal(one.responses, other.responses)
    pixels = images.pixels()[:20]
    answers = found.surrogates.predict(pixels)
    assert answers.shape == (7, 2, 20, 10)
    torch.testing.assert_close(answers[:3], alone.surrogates.predict(pixels))
    assert found.surrogates.final_losses.shape[:2] == (7, 2)
    torch.testing.assert_close(found.surrogates.model(6, 1)(pixels), answers[6, 1])
    together = found.surrogates(pixels.expand(7, 2, *pixels.shape))
    torch.testing.assert_close(together, answers, atol=1e-4, rtol=1e-4)
    assert {"published_loss", "label_loss", "semi_supervised_loss"} <= found.surrogates.history[0].keys()


def transcript(images, defence):
    pixels = images.pixels()
    said = linear_target(pixels)
    responses = defence.session(0)(said, pixels)
    pool = QueryPool(images, 10)
    return said, Transcript(
        pixels.unsqueeze(0), responses.unsqueeze(0), pool, defence.imitation(), trainer(epochs=8), seeds=[3]
    )


@pytest.mark.parametrize("learner", [Restorer(epochs=60), Bayes()], ids=lambda one: type(one).__name__)
def test_what_restorer_and_bayes_learn_is_nearer_to_the_target_than_what_was_answered(images, learner):
    said, given = transcript(images, ReverseSigmoid())
    restored = learner.answers(given)[0]
    torch.testing.assert_close(restored.exp().sum(dim=1), torch.ones(300), atol=1e-3, rtol=0)
    before, after = ((one.exp() - said.exp()).abs().sum(dim=1).mean() for one in (given.responses[0], restored))
    assert after < 0.9 * before


def test_what_is_known_of_a_defence_is_undone_before_it_is_learnt(images):
    surrogates = trainer(Recorder)
    attack = made("attack", "attack=mea", "attack.attackers=[published,adaptive]")
    run(attack, images, made("learning", "learning=naive"), defence=Temperature(temperature=4.0), surrogates=surrogates)
    published, adaptive = surrogates.lessons
    said = linear_target(surrogates.pixels[:100])
    torch.testing.assert_close(adaptive.answers[0], said, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(published.answers[0], said, atol=0.1)


class Doubtful(Temperature):
    """Says nothing where it is unsure, and whoever knows that learns nothing from it."""

    def counter(self):
        return Counter(weight=lambda responses: (responses.exp().amax(dim=1) > 0.537).float())


DOUBTS = {
    "alone": Doubtful(temperature=10.0),
    "last": Chain(defences={"first": Temperature(temperature=10.0), "last": Doubtful(temperature=1.0)}),
    "before rounding": Chain(defences={"first": Doubtful(temperature=10.0), "last": Rounding(decimals=9)}),
}


@pytest.mark.parametrize("place", DOUBTS)
def test_answers_that_tell_nothing_have_no_part_in_what_is_learnt(images, place):
    surrogates = trainer(Recorder)
    attack = made("attack", "attack=mea", "attack.attackers=[adaptive]")
    run(attack, images, made("learning", "learning=naive"), defence=DOUBTS[place], surrogates=surrogates)
    (adaptive,) = surrogates.lessons
    said = linear_target(surrogates.pixels[:100])
    answered = (said / 10).log_softmax(dim=1)
    told, said = answered.exp().amax(dim=1) > 0.537, said if place == "last" else answered
    assert 10 < told.sum() < 90
    learnt = torch.randn(1, 100, 10, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for rows, gone in ((told, False), (~told, True)):
        loss = adaptive.loss(learnt.log_softmax(dim=2)[:, rows], adaptive.answers[:1, rows])
        (gradient,) = torch.autograd.grad(loss.sum(), learnt)
        plain = adaptive_loss(Reveals.SCORES)(learnt.log_softmax(dim=2)[:, rows], said[rows].unsqueeze(0))
        (whole,) = torch.autograd.grad(plain.sum(), learnt)
        # Weights are never quite 0, so that their logarithm is finite.
        torch.testing.assert_close(gradient, torch.zeros_like(whole) if gone else whole, atol=1e-5, rtol=1e-3)


def test_surrogates_pass_through_rounding_whose_gradient_is_taken_straight(images):
    surrogates = trainer(Recorder)
    attack = made("attack", "attack=mea", "attack.attackers=[published,adaptive]")
    rounding = Rounding(decimals=1)
    run(attack, images, made("learning", "learning=naive"), defence=rounding, surrogates=surrogates)
    published, adaptive = surrogates.lessons
    logits = torch.randn(1, 100, 10, generator=torch.Generator().manual_seed(0)).mul(3).requires_grad_()
    learnt, answers = logits.log_softmax(dim=2), adaptive.answers[:1]
    (gradient,) = torch.autograd.grad(adaptive.loss(learnt, answers).sum(), logits)
    rounded = rounding(learnt[0].detach(), images.pixels()[:100]).exp()
    torch.testing.assert_close(gradient, (rounded - answers[0].exp()).unsqueeze(0) / 100, atol=1e-5, rtol=0)
    assert published.loss is not adaptive.loss


def test_who_undoes_the_first_of_a_chain_learns_the_answers_themselves(images):
    chain = Chain(defences={"first": Temperature(temperature=2.0), "last": Rounding(decimals=1)})
    assert chain.counter().undo is not None
    # The surrogate is the target before both, which rounding alone would not make of it.
    assert chain.counter().through is None
    last = Chain(defences={"first": Doubtful(temperature=1.0), "last": Rounding(decimals=1)})
    assert last.counter().through is not None


def test_averaged_answers_cost_what_they_cost_and_are_nearer_to_the_target(images):
    pixels = images.pixels()[:20]

    def unsure(pixels):
        return (linear_target(pixels) / 10).log_softmax(dim=1)

    said = unsure(pixels).exp()
    once = Service(unsure, Noise(fresh=True).session(1), budget=20).query(pixels).exp()
    service = Service(unsure, Noise(fresh=True).session(1), budget=180)
    averaged = Averaged(service, repeats=9, copies=False)
    assert (averaged.query(pixels).exp() - said).abs().sum() < 0.7 * (once - said).abs().sum()
    assert service.remaining == 0
    with pytest.raises(BudgetExceeded):
        averaged.query(pixels[:1])
    copies = Service(linear_target, Noise(), budget=180)
    Averaged(copies, repeats=50, copies=True).query(pixels)
    assert copies.unique_images == 180


def test_an_attack_that_chooses_by_surrogates_chooses_by_the_single_learner(images):
    class Counting(Recorder):
        names = ()

        def train(self, pixels, queries, lessons, *, seeds):
            self.names = [*self.names, [lesson.name for lesson in lessons]]
            return super().train(pixels, queries, lessons, seeds=seeds)

    surrogates = trainer(Counting)
    attack = made("attack", "attack=activethief", "attack.start=60", "attack.attackers=[adaptive]")
    run(attack, images, made("learning", "learning=label"), defence=NoDefence(), surrogates=surrogates)
    assert surrogates.names == [["label"], ["label"], ["adaptive", "label"]][-len(surrogates.names) :]
    assert surrogates.names[0] == ["label"]
    fixmatch = made("learning", "learning=fixmatch", "learning.learners.semi_supervised.steps=2")
    found = run(made("attack", "attack=activethief", "attack.start=60"), images, fixmatch, defence=NoDefence())
    assert [name for name, _ in found.attackers][-1] == "semi_supervised"
