"""The service as its clients meet it."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from privattack.defences.flatten import Flatten
from privattack.defences.label_only import LabelOnly
from privattack.protocols.instances import mlflow, tensorflow
from privattack.protocols.v2 import V2
from tests.serving.served import service


@pytest.fixture
def toy(planted_target, tmp_path):
    with service(planted_target, tmp_path) as made:
        yield made


def ask(client, pixels, protocol=None, **headers):
    protocol = protocol or V2(model="toy", input="images", output="log_probabilities", binary=True)
    body, said = protocol.request(pixels.numpy())
    return client.post(protocol.path, content=body, headers={**said, **headers})


CLIENTS = [
    (V2(model="toy", input="images", output="log_probabilities", binary=True), lambda said: said),
    (V2(model="toy", version="1", input="images", output="log_probabilities"), lambda said: said),
    (V2(model="toy", input="images", output="probabilities", binary=True), torch.exp),
    (V2(model="toy", input="images", output="label"), lambda said: said.argmax(dim=1)),
    (mlflow(), torch.exp),
    (tensorflow(model="toy"), torch.exp),
]


@pytest.mark.parametrize(("protocol", "expected"), CLIENTS)
def test_every_protocol_answers_what_the_target_says(toy, protocol, expected, make_images, planted_target):
    pixels = make_images(5).pixels()
    answer = ask(toy[0], pixels, protocol)
    said = protocol.answer(answer.content, answer.headers)
    wanted = expected(planted_target(pixels)).numpy()
    assert np.array_equal(said.astype(wanted.dtype), wanted)


def test_what_the_protocol_must_tell_it_tells(toy):
    client, *_ = toy
    assert client.get("/v2/health/live").json()["live"] is True
    assert client.get("/v2/health/ready").json()["ready"] is True
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    told = client.get("/v2/models/toy/versions/1").json()
    assert (told["versions"], told["inputs"][0]["shape"]) == (["1"], [-1, 1, 28, 28])
    assert client.get("/v2/models/other").status_code == client.get("/v2/models/toy/versions/2").status_code == 404
    assert "/v2/models/{model}/infer" in client.get("/openapi.json").json()["paths"]


def test_answers_go_through_the_defence_and_noise_is_a_clients_own(planted_target, tmp_path, make_images):
    pixels = make_images(2).pixels()
    protocol = V2(model="toy", input="images", output="log_probabilities")
    with service(planted_target, tmp_path, defence=LabelOnly()) as (client, *_):
        answer = ask(client, pixels, protocol)
        assert len(np.unique(protocol.answer(answer.content, answer.headers))) == 2
    with service(planted_target, tmp_path, defence=Flatten(fresh=True)) as (client, clients, _):
        answers = [ask(client, pixels, protocol).content for _ in range(2)]
        other = ask(client, pixels, protocol, **{"X-API-Key": clients.add("alice", budget=9)}).content
    assert len({*answers, other}) == 3


def test_requests_at_the_same_time_share_a_batch_and_get_their_own_answers(toy, make_images, planted_target):
    client, clients, metrics = toy
    parts = [make_images(3, seed=seed).pixels() for seed in range(32)]
    protocol, _ = CLIENTS[0]
    with ThreadPoolExecutor(16) as threads:
        answers = [*threads.map(lambda pixels: ask(client, pixels), parts)]
    for pixels, answer in zip(parts, answers, strict=True):
        assert np.array_equal(protocol.answer(answer.content, answer.headers), planted_target(pixels).numpy())
    assert clients.spent("anonymous")[0] == 96
    assert metrics.registry.get_sample_value("privattack_images_total", {"client": "anonymous"}) == 96
    assert metrics.registry.get_sample_value("privattack_batch_images_count") < 32


def test_a_budget_is_not_overrun_by_many_at_once_and_its_end_is_final(toy, make_images):
    client, clients, _ = toy
    key = clients.add("alice", budget=50)
    pixels = make_images(3).pixels()
    with ThreadPoolExecutor(16) as threads:
        answers = [*threads.map(lambda _: ask(client, pixels, **{"X-API-Key": key}), range(40))]
    assert sorted({answer.status_code for answer in answers}) == [200, 403]
    assert sum(answer.status_code == 200 for answer in answers) == 16
    assert clients.spent("alice") == (48, 50)
    assert "Retry-After" not in answers[-1].headers
    assert ask(client, pixels, Authorization=f"Bearer {key}").json() == {"error": "the budget of 50 images has 2 left."}


def test_a_key_is_needed_where_none_is_let_in_without(planted_target, tmp_path, make_images):
    with service(planted_target, tmp_path, without_key=None) as (client, clients, _):
        pixels, key = make_images(1).pixels(), clients.add("alice", budget=5)
        assert ask(client, pixels).status_code == ask(client, pixels, **{"X-API-Key": "alice.x"}).status_code == 401
        assert ask(client, pixels, **{"X-API-Key": key}).status_code == 200


def test_who_asks_too_fast_is_told_when_to_come_again_and_pays_nothing(planted_target, tmp_path, make_images):
    with service(planted_target, tmp_path, rate=5) as (client, clients, _):
        assert ask(client, make_images(4).pixels()).status_code == 200
        refused = ask(client, make_images(2).pixels())
        assert (refused.status_code, clients.spent("anonymous")[0]) == (429, 4)
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert ask(client, make_images(1).pixels()).status_code == 200
        assert ask(client, make_images(6).pixels()).status_code == 400


def test_a_request_with_an_idempotency_key_is_paid_once(planted_target, tmp_path, make_images):
    with service(planted_target, tmp_path, defence=Flatten(fresh=True)) as (client, clients, _):
        pixels, named = make_images(2).pixels(), {"Idempotency-Key": "a"}
        first, again = ask(client, pixels, **named), ask(client, pixels, **named)
        assert first.content == again.content
        assert first.headers["content-type"] == again.headers["content-type"]
        assert clients.spent("anonymous")[0] == 2
        assert ask(client, pixels[:1], **named).status_code == 422
        assert ask(client, pixels).content != first.content


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "is no JSON"),
        (b"[]", "no list of inputs"),
        (b'{"inputs": []}', "there is one input, images"),
        (b'{"inputs": [{"name": "images", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}', r"shape \(n, 1, 28"),
        (b'{"inputs": [{"name": "images", "shape": [1, 1], "datatype": "FP32", "data": [1, 2]}]}', "2 numbers came"),
        (b'{"inputs": [{"name": "images", "shape": [0, 784], "datatype": "FP32", "data": []}]}', "has 1 to 64 images"),
        (b'{"inputs": [{"name": "images", "shape": [], "datatype": "FP99", "data": []}]}', "datatype FP99"),
        (
            b'{"inputs": [{"name": "images", "shape": [1, 784], "datatype": "FP32", "data": ['
            + b",".join([b"1e39"] * 784)
            + b"]}]}",
            "pixels are finite",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence_and_costs_nothing(toy, body, why):
    client, clients, _ = toy
    answer = client.post("/v2/models/toy/infer", content=body)
    assert answer.status_code == 400
    assert re.search(why, answer.json()["error"])
    assert clients.spent("anonymous")[0] == 0


def test_a_body_past_the_limit_is_refused(toy):
    assert toy[0].post("/v2/models/toy/infer", content=b" " * (2**20 + 1)).status_code == 413


def test_requests_have_an_id_and_are_counted_by_what_became_of_them(toy):
    client, _, metrics = toy
    named = client.get("/v2", headers={"X-Request-Id": "mine"})
    assert named.headers["X-Request-Id"] == "mine"
    assert len(client.get("/nowhere").headers["X-Request-Id"]) == 32
    assert metrics.registry.get_sample_value("privattack_requests_total", {"status": "404"}) == 1
