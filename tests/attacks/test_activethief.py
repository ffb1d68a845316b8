import pytest
import torch

from privattack.attacks.extraction.activethief import ActiveThief, k_center
from privattack.errors import UserError
from tests.attacks.extracting import Recorder, extract, trainer

STRATEGIES = pytest.mark.parametrize("strategy", ["uncertainty", "k_center", "both"])


@STRATEGIES
def test_the_whole_pool_can_be_asked_about_once(strategy, make_images):
    attack = ActiveThief(strategy=strategy, start=30, growth=3.0)
    extraction, services = extract(attack, make_images(130), budgets=[130])
    assert [service.unique_images for service in services] == [130, 130]
    for one in extraction.asked:
        assert torch.equal(one.places.sort().values, torch.arange(130))


def test_surrogates_learn_anew_in_each_round_which_grows_with_what_was_asked(make_images):
    recorded = trainer(Recorder)
    extract(ActiveThief(start=20, growth=0.5), make_images(130), budgets=[100], surrogates=recorded)
    assert [queries for queries, _ in recorded.trained] == [20, 30, 45, 67, 100]


def test_uncertainty_takes_the_images_of_the_highest_entropy_the_highest_first(make_images):
    pool, recorded = make_images(200), trainer(Recorder, epochs=2)
    extraction, _ = extract(ActiveThief(strategy="uncertainty", start=40), pool, budgets=[60], surrogates=recorded)
    log_probabilities = recorded.trained[0][1].predict(pool.pixels())[0]
    entropy = -(log_probabilities.exp() * log_probabilities).sum(dim=2)
    for one, of_all in zip(extraction.asked, entropy, strict=True):
        taken = of_all[one.places[40:]]
        assert (taken.diff() <= 0).all()
        rest = torch.ones(200, dtype=torch.bool).index_fill(0, one.places, False)
        assert taken.min() >= of_all[rest].max()


def test_k_center_takes_images_whose_probabilities_lie_far_apart(make_images):
    pool, recorded = make_images(200), trainer(Recorder, epochs=2)
    extraction, _ = extract(ActiveThief(strategy="k_center", start=40), pool, budgets=[60], surrogates=recorded)
    probabilities = recorded.trained[0][1].predict(pool.pixels())[0].exp()
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
        attack = ActiveThief(start=40, **settings)
        extraction, _ = extract(attack, pool, budgets=[60], seeds=[3], surrogates=trainer(epochs=2))
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
