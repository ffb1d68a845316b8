import pytest
import torch

from privattack.data.sources import digits
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.monitors.base import Watched
from privattack.monitors.near_duplicates import NearDuplicates
from privattack.monitors.prada import Prada
from privattack.service import Service
from tests.attacks.extracting import linear_target
from tests.composing import made, options


@pytest.fixture(scope="module")
def natural():
    return digits().train.take(torch.arange(600)).pixels()


@pytest.fixture(scope="module")
def unlike(make_images):
    """Return images whose distances are as normal as those of a benign client's."""
    return make_images(600).pixels()


@pytest.fixture(scope="module")
def made_of_others(unlike):
    """Return what an attack by Jacobians asks: such images, and steps of one length away from them."""
    asked = unlike[:75]
    random = torch.Generator().manual_seed(0)
    for _ in range(3):
        signs = torch.randint(0, 2, asked.shape, generator=random) * 2.0 - 1
        asked = torch.cat([asked, (asked + 0.1 * signs).clamp(0, 1)])
    return asked


def alarm_of(monitor, pixels, *, batch=50):
    defence = Watched(NoDefence(), monitor).session(0)
    service = Service(linear_target, defence, budget=len(pixels))
    for part in pixels.split(batch):
        service.query(part)
    return service.alarm


def test_prada_finds_images_made_of_others_and_not_those_that_they_are_made_of(unlike, made_of_others):
    assert alarm_of(Prada(), made_of_others) is not None
    assert alarm_of(Prada(), unlike) is None


def test_near_duplicates_are_found_and_natural_images_are_none(natural):
    walk = natural[:1] + torch.linspace(0, 0.05, 20).view(-1, 1, 1, 1)
    assert alarm_of(NearDuplicates(), walk) == 2
    assert alarm_of(NearDuplicates(), natural.unique(dim=0)[:200]) is None


def test_the_batch_does_not_matter_and_each_session_is_its_own(made_of_others):
    monitor = Prada()
    found = alarm_of(monitor, made_of_others)
    assert alarm_of(monitor, made_of_others, batch=7) == found


def test_who_spreads_queries_over_accounts_is_found_later_or_not_at_all(made_of_others):
    alone, spread = alarm_of(Prada(), made_of_others), alarm_of(Prada(accounts=8), made_of_others)
    assert spread is None or spread > alone


def test_who_slows_down_is_forgotten_in_between_and_an_honest_client_is_not(natural):
    twice = torch.cat([natural[:6], natural[:6]])
    assert alarm_of(NearDuplicates(pace=6), twice) is None
    assert alarm_of(NearDuplicates(pace=7), twice) == 7
    assert alarm_of(NearDuplicates(pace=3, accounts=2), twice, batch=5) is None
    honest = Watched(NoDefence(), NearDuplicates(pace=6)).honest(0)
    honest(torch.zeros(12, 10).log_softmax(dim=1), twice)
    assert honest.alarm == 7


def test_who_was_banned_stays_banned_when_the_monitor_has_forgotten(natural):
    defence = Watched(NoDefence(), NearDuplicates(policy="ban", pace=2)).session(0)
    said = torch.eye(10)[torch.zeros(4, dtype=torch.int64)].log_softmax(dim=1)
    answers = defence(said, torch.cat([natural[:1], natural[:1], natural[5:7]]))
    assert defence.alarm == 2
    assert torch.equal(answers[0], said[0])
    assert torch.allclose(answers[1:], torch.full((3, 10), -torch.tensor(10.0).log()))


@pytest.mark.parametrize("policy", ["log", "refuse", "degrade", "ban"])
def test_what_follows_from_an_alarm(natural, policy):
    asked = torch.cat([natural[:3], natural[:1], natural[5:7]])
    defence = Watched(NoDefence(), NearDuplicates(policy=policy)).session(0)
    said = (3 * torch.randn(6, 10, generator=torch.Generator().manual_seed(0))).log_softmax(dim=1)
    first, second, third = (defence(said[one], asked[one]) for one in (slice(0, 3), slice(3, 4), slice(4, 6)))
    even = torch.full((10,), -torch.tensor(10.0).log())
    assert defence.alarm == 4
    assert torch.equal(first, said[:3])
    assert torch.equal(second, said[3:4]) == (policy == "log")
    assert (second.exp().amax() > 0.99) == (policy == "degrade")
    assert torch.allclose(second[0], even) == (policy in ("refuse", "ban"))
    assert torch.equal(third, said[4:]) == (policy in ("log", "refuse"))
    assert torch.allclose(third[0], even) == (policy == "ban")


def test_an_unwatched_imitation_and_an_honest_client_with_one_account(natural):
    watched = Watched(NoDefence(), NearDuplicates(accounts=3))
    assert isinstance(watched.imitation(), NoDefence)
    assert len(watched.honest(0).watching) == 1
    assert len(watched.session(0).watching) == 3


@pytest.mark.parametrize("option", options("monitor"))
def test_every_option_watches(option, natural):
    monitor = made("monitor", f"monitor={option}")
    assert monitor.session(1).suspects(natural[0], 3) is False


def test_settings_that_cannot_work_are_named():
    with pytest.raises(UserError, match=r"^policy=shout: needs one of log, refuse, degrade, ban\.$"):
        Prada(policy="shout")


def test_prada_keeps_as_the_authors_code_does_the_second_distance_is_no_threshold_yet():
    monitor = Prada()
    for place in (0, 10, 14, 16):
        monitor.suspects(torch.full((1, 1, 1), float(place)), 0)
    # Distances 0, 10, 4, 2; thresholds 0 after two, then mean less deviation of (0, 10, 4), which is more than 0.
    assert monitor._thresholds[0] == pytest.approx(14 / 3 - (152 / 9) ** 0.5, abs=1e-6)
    assert len(monitor._kept[0]) == 4
