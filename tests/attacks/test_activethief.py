import pytest
import torch
from torch import nn

from privattack.attacks.extraction.activethief import ActiveThief, k_center
from privattack.data.query_pool import QueryPool
from privattack.defences.label_only import LabelOnly
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.models.surrogate import SurrogateTrainer
from privattack.service import Service

SEEDS = [3, 4]
STRATEGIES = pytest.mark.parametrize("strategy", ["uncertainty", "k_center", "both"])


def linear_target(pixels):
    """Name the class whose two rows are brightest."""
    return (40 * pixels[:, 0, 4:24].unflatten(1, (10, 2)).mean(dim=(2, 3))).log_softmax(dim=1)


def tiny(*, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))


class Recorder(SurrogateTrainer):
    """Trains as any, and remembers the surrogates and on how many queries each was trained."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.trained = []

    def train(self, pixels, queries, lessons, *, seeds):
        surrogates = super().train(pixels, queries, lessons, seeds=seeds)
        self.trained.append((queries.shape[1], surrogates))
        return surrogates


def extract(pool, *, budgets, defence=None, epochs=2, seeds=SEEDS, **settings):
    surrogates = Recorder(network=tiny, epochs=epochs, lr=5e-3, batch_size=32)
    attack = ActiveThief(attackers=["published"], **settings)
    services = [Service(linear_target, defence or NoDefence(), budget=budgets[-1]) for _ in seeds]
    return (
        attack.run(services, QueryPool(pool, 10), surrogates, budgets=budgets, seeds=seeds),
        services,
        surrogates.trained,
    )


@STRATEGIES
@pytest.mark.parametrize("defence", [NoDefence(), LabelOnly()], ids=lambda defence: type(defence).__name__)
def test_the_published_attacker_copies_a_target(strategy, defence, make_images):
    settings = {"defence": defence, "epochs": 8, "strategy": strategy, "growth": 1.0}
    extraction, services, _ = extract(make_images(400), budgets=[300], **settings)
    pixels = make_images(300, seed=1).pixels()
    agrees = extraction.surrogates.predict(pixels)[0].argmax(dim=2) == linear_target(pixels).argmax(dim=1)
    assert agrees.double().mean() > 0.9
    assert [service.unique_images for service in services] == [300, 300]


@STRATEGIES
def test_queries_of_a_small_budget_are_the_first_of_a_larger_one_and_differ_over_repetitions(strategy, make_images):
    pool = make_images(300)
    large, *others = (extract(pool, budgets=[n], strategy=strategy, start=60)[0] for n in (200, 110, 40))
    for small in others:
        for more, fewer in zip(large.asked, small.asked, strict=True):
            assert torch.equal(more.places[: len(fewer.places)], fewer.places)
    assert not torch.equal(large.asked[0].places, large.asked[1].places)


@STRATEGIES
def test_a_repetition_asks_the_same_whichever_others_run(strategy, make_images):
    """Rounding may swap images that are nearly alike, and so a few of a round."""
    pool = make_images(300)
    together, alone = (
        extract(pool, budgets=[90], strategy=strategy, start=60, seeds=seeds)[0].asked[-1].places.tolist()
        for seeds in (SEEDS, SEEDS[1:])
    )
    assert alone[:60] == together[:60]
    assert len(set(alone[60:]) & set(together[60:])) >= 27


@STRATEGIES
def test_the_whole_pool_can_be_asked_about_once(strategy, make_images):
    extraction, services, _ = extract(make_images(130), budgets=[130], strategy=strategy, start=30, growth=3.0)
    assert [service.unique_images for service in services] == [130, 130]
    for one in extraction.asked:
        assert torch.equal(one.places.sort().values, torch.arange(130))


def test_surrogates_learn_anew_in_each_round_which_grows_with_what_was_asked(make_images):
    _, _, trained = extract(make_images(130), budgets=[100], start=20, growth=0.5)
    assert [queries for queries, _ in trained] == [20, 30, 45, 67, 100]


def test_uncertainty_takes_the_images_of_the_highest_entropy_the_highest_first(make_images):
    pool = make_images(200)
    extraction, _, trained = extract(pool, budgets=[60], strategy="uncertainty", start=40)
    log_probabilities = trained[0][1].predict(pool.pixels())[0]
    entropy = -(log_probabilities.exp() * log_probabilities).sum(dim=2)
    for one, of_all in zip(extraction.asked, entropy, strict=True):
        taken = of_all[one.places[40:]]
        assert (taken.diff() <= 0).all()
        rest = torch.ones(200, dtype=torch.bool).index_fill(0, one.places, False)
        assert taken.min() >= of_all[rest].max()


def test_k_center_takes_images_whose_probabilities_lie_far_apart(make_images):
    pool = make_images(200)
    extraction, _, trained = extract(pool, budgets=[60], strategy="k_center", start=40)
    probabilities = trained[0][1].predict(pool.pixels())[0].exp()
    for one, of_all in zip(extraction.asked, probabilities, strict=True):
        expected = []
        while len(expected) < 20:
            taken = of_all[[*one.places[:40].tolist(), *expected]]
            nearest = (of_all.unsqueeze(1) - taken).norm(dim=2).amin(dim=1)
            expected.append(int(nearest.argmax()))
        assert one.places[40:].tolist() == expected


def test_both_is_k_center_among_the_most_uncertain(make_images):
    pool = make_images(200)

    def second_round(**settings):
        extraction, _, _ = extract(pool, budgets=[60], start=40, seeds=SEEDS[:1], **settings)
        return extraction.asked[0].places[40:].tolist()

    uncertain = second_round(strategy="uncertainty")
    assert set(second_round(strategy="both", shortlist=1)) == set(uncertain)
    assert second_round(strategy="both", shortlist=8) == second_round(strategy="k_center")
    assert set(second_round(strategy="both", shortlist=3)) not in (set(uncertain), set(second_round(shortlist=8)))


def test_k_center_goes_to_the_farthest_point_and_takes_each_once():
    points = torch.tensor([[1.0, 0.0], [9.0, 0.0], [9.5, 0.0], [4.0, 0.0], [0.0, 0.0]])
    centres = torch.tensor([[0.0, 0.0]])
    assert k_center(points, centres, 3).tolist() == [2, 3, 0]
    assert sorted(k_center(points, centres, 10).tolist()) == [0, 1, 2, 3, 4]
    assert sorted(k_center(torch.zeros(4, 2), centres, 10).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("strategy", "dfal"), ("start", 0), ("growth", 0.0), ("growth", -1.0), ("growth", float("nan")),
        ("growth", float("inf")), ("shortlist", 0),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(setting, value):
    with pytest.raises(UserError, match=rf"^{setting}={value}: needs .*\.$"):
        ActiveThief(**{setting: value})
