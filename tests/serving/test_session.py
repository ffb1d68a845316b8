"""A monitor watches each API key alone, and what follows from its alarm is its policy."""

import logging

import pytest
import torch

from privattack.data.sources import digits
from privattack.defences.none import NoDefence
from privattack.errors import SettingError
from privattack.monitors.near_duplicates import NearDuplicates
from privattack.protocols.v2 import V2
from privattack.serve import served_by
from tests.composing import composed, options
from tests.serving.served import service

PROTOCOL = V2(model="toy", input="images", output="probabilities", binary=True)


def ask(client, pixels, **headers):
    body, said = PROTOCOL.request(pixels.numpy())
    return client.post(PROTOCOL.path, content=body, headers={**said, **headers})


@pytest.mark.parametrize(
    ("policy", "statuses"),
    [("log", [200] * 4), ("degrade", [200] * 4), ("refuse", [200, 403, 403, 200]), ("ban", [200, 403, 403, 403])],
)
def test_what_follows_from_an_alarm_meets_the_key_that_raised_it(planted_target, tmp_path, caplog, policy, statuses):
    natural = digits().train.take(torch.arange(10)).pixels()
    asked = [natural[:3], natural[[3, 0]], natural[[3, 0]], natural[5:7]]  # the first image comes again
    guarded = NearDuplicates(policy=policy).guarding(NoDefence())
    with service(planted_target, tmp_path, defence=guarded) as (client, clients, metrics):
        alice, bob = ({"X-API-Key": clients.add(name, budget=50)} for name in ("alice", "bob"))
        with caplog.at_level(logging.WARNING):
            answers = [ask(client, asked[0], **alice)]
            answers += [ask(client, pixels, **alice, **{"Idempotency-Key": "a"}) for pixels in asked[1:3]]
            answers += [ask(client, asked[3], **alice), ask(client, asked[0], **bob)]
        assert [answer.status_code for answer in answers] == [*statuses, 200]
        paid = 3 + 2 * (policy in ("log", "degrade")) + 2 * (policy != "ban")
        assert (clients.spent("alice")[0], clients.spent("bob")[0]) == (paid, 3)
        alarms = [
            metrics.registry.get_sample_value("privattack_alarms_total", {"client": name}) for name in ("alice", "bob")
        ]
    assert alarms == [1, None]
    assert [record.message for record in caplog.records] == ["client alice: the monitor raised the alarm at image 5."]
    said = [PROTOCOL.answer(one.content, one.headers) for one in answers if one.status_code == 200]
    assert (said[0] == said[-1]).all()
    if policy == "degrade":
        assert (said[1][0] == planted_target(asked[1]).exp().numpy()[0]).all()  # before the alarm
        assert (said[2][1].max(), said[3].max(axis=1).min()) > (0.99, 0.99)


@pytest.mark.parametrize("option", options("monitor"))
def test_every_monitor_stands_before_a_served_target(option, tmp_path):
    words = ["data=digits", "target=mlp", "target.epochs=1", "trainer=cpu", f"store={tmp_path}", f"monitor={option}"]
    served = served_by(composed(*words), name="toy", most=4)
    images = digits().test.take(torch.arange(3)).pixels()
    session = served.session("alice")
    assert torch.equal(session(served.model(images), images), served.model(images))


def test_accounts_are_the_attackers_matter():
    with pytest.raises(SettingError, match=r"^monitor\.accounts=2: a server watches each API key alone; use 1\.$"):
        served_by(composed("monitor=prada", "monitor.accounts=2", "data=digits"), name="toy", most=4)
