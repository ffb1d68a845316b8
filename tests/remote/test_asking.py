"""How an API is asked: what is tried again, what is paid, what is said of answers that cannot be."""

import threading
from collections import Counter
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from privattack.data.images import digests
from privattack.data.sources import digits
from privattack.defences.none import NoDefence
from privattack.errors import UserError
from privattack.protocols import v2
from privattack.protocols.base import Layout
from privattack.remote.asking import Asker, Session
from privattack.remote.connecting import first_answer
from privattack.remote.sender import Sender
from privattack.remote.transcript import Transcript
from privattack.remote.victim import RemoteVictims

DATA = digits()


class Api:
    """An API without a network, whose answers a test decides.

    Attributes:
        moods: what it does with the next requests: a status, an exception, or None for an answer.
        paid: images answered, by idempotency key.
    """

    def __init__(self) -> None:
        self.moods: list[Any] = []
        self.paid: Counter[str] = Counter()
        self.requests = 0
        self.lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(404)
        images = v2.decode(request.content, request.headers, "inputs").tensors["input"]
        with self.lock:
            self.requests += 1
            mood = self.moods.pop(0) if self.moods else None
            if isinstance(mood, Exception):
                raise mood
            if mood is not None:
                return httpx.Response(mood, headers={"Retry-After": "0"}, json={"error": "not now"})
            self.paid[request.headers["Idempotency-Key"]] = len(images)
        return httpx.Response(200, content=self.said(images)[0])

    def said(self, images: np.ndarray) -> tuple[bytes, v2.Headers]:
        means = images.reshape(len(images), -1).mean(axis=1, keepdims=True)
        return v2.encode(v2.Message({"output": means * np.ones((1, 10))}), "outputs", binary=False)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """Return the API that every client in this process reaches, and let nobody wait."""
    made, client = Api(), httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **settings: client(**settings, transport=httpx.MockTransport(made)))
    monkeypatch.setattr("privattack.remote.sender.LONGEST", 0.0)
    return made


@pytest.fixture
def ask(api: Api, tmp_path: Path) -> Any:
    """Return a function that opens the transcript, asks in one session, and returns answers and asker."""

    def ask(*pixels: torch.Tensor, **settings: Any) -> tuple[list[torch.Tensor], Asker]:
        chosen = {"batch_size": 4, "concurrency": 3, "rate": None, "price": 10.0, "resend": False} | settings
        sender = Sender("http://api", {}, timeout=1.0, retries=chosen.pop("retries", 4), connections=3)
        with Transcript(tmp_path / "transcript.sqlite", {}) as transcript:
            asker = Asker(sender, v2.V2(model="m", input="input"), Layout(), transcript, **chosen)
            session = Session(asker, torch.from_numpy, width=10)
            try:
                return [session(part) for part in pixels], asker
            finally:
                asker.close()

    return ask


def pixels(images: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(images, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def test_each_image_is_paid_once_in_this_run_and_the_next(ask, api):
    images = pixels(10)
    (first, again), asker = ask(images, images)
    assert torch.allclose(first, images.mean(dim=(1, 2, 3))[:, None].double().expand(10, 10))
    assert torch.equal(first, again)
    # Asked again in the same session, an image is another query: an API may answer otherwise.
    assert (asker.asked, asker.sent, asker.requests, asker.money) == (20, 20, 6, 0.2)
    (later,), asker = ask(torch.cat([pixels(3, seed=1), images]))
    assert torch.equal(later[3:], first)
    assert (asker.asked, asker.sent, asker.requests) == (13, 3, 1)
    assert sum(api.paid.values()) == 23


@pytest.mark.parametrize("mood", [429, 502, 503, 504, 500, 409, httpx.ConnectError("a"), httpx.ReadError("a")], ids=str)
def test_a_busy_server_or_a_broken_connection_is_tried_again(ask, api, mood):
    api.moods = [mood]
    (answer,), asker = ask(pixels(4))
    assert answer.shape == (4, 10)
    may_be_charged = mood in (500, 502, 504) or isinstance(mood, httpx.ReadError)
    assert (asker.requests, asker.sent) == (2, 8 if may_be_charged else 4)
    assert len(api.paid) == 1


@pytest.mark.parametrize(
    ("moods", "requests"), [([400], 1), ([401], 1), ([403], 1), ([422], 1), ([500, 500], 2), ([429] * 9, 5)]
)
def test_what_will_not_be_answered_is_said_and_the_rest_is_kept(ask, api, moods, requests):
    api.moods = moods
    with pytest.raises(UserError, match=rf"^victim\.url: api does not answer 4 images \(status {moods[0]}, .*not now"):
        ask(pixels(4))
    assert api.requests == requests
    api.moods = []
    (answer,), _ = ask(pixels(4), resend=True)
    assert answer.shape == (4, 10)


def test_answers_that_came_before_a_failure_are_not_paid_again(ask, api):
    api.moods = [None, 400]
    with pytest.raises(UserError, match="what it answered before is kept"):
        ask(pixels(40), concurrency=1)
    paid = sum(api.paid.values())
    _, asker = ask(pixels(40))
    assert (paid, asker.sent) == (4, 36)


@pytest.fixture
def pressed(monkeypatch):
    """Ctrl-C is pressed where answers are first waited for."""
    presses = [KeyboardInterrupt]

    def waiting(*arguments: Any, **settings: Any) -> Any:
        if presses:
            raise presses.pop()
        return wait(*arguments, **settings)

    monkeypatch.setattr("privattack.remote.asking.wait", waiting)


def test_ctrl_c_keeps_answers_that_are_on_their_way(ask, api, pressed):
    with pytest.raises(KeyboardInterrupt):
        ask(pixels(40))
    paid = sum(api.paid.values())
    _, asker = ask(pixels(40))
    assert (paid, asker.sent) == (8, 32)


def test_ctrl_c_waits_for_no_answer_that_does_not_come(ask, api, pressed, monkeypatch):
    comes, said = threading.Event(), api.said
    monkeypatch.setattr(api, "said", lambda images: comes.wait(60) and said(images))
    monkeypatch.setattr("privattack.remote.asking.LINGER", 0.01)
    with pytest.raises(KeyboardInterrupt):
        ask(pixels(40))
    comes.set()
    with pytest.raises(UserError, match=r"^victim\.resend=false: 8 images were under way"):
        ask(pixels(40))


def test_what_was_in_flight_is_sent_again_only_where_that_is_wished_and_by_the_same_name(ask, api, tmp_path):
    images = pixels(4)
    with Transcript(tmp_path / "transcript.sqlite", {}) as transcript:
        killed = transcript.intend([(digest, 0) for digest in digests(images)])
    with pytest.raises(UserError, match=r"^victim\.resend=false: 4 images were under way when a run was killed"):
        ask(images)
    assert api.requests == 0
    for moods in ([400], [httpx.ConnectError("a")] * 5):  # what is refused or not there now may have been paid before
        api.moods = moods
        with pytest.raises(UserError, match=r"does not answer 4 images"):
            ask(images, resend=True)
    (answer,), asker = ask(torch.cat([images, pixels(2, seed=1)]), resend=True)
    assert answer.shape == (6, 10)
    assert (asker.sent, api.paid[killed.key]) == (6, 4)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (lambda _: (b"<html>", {}), "answers otherwise than victim.protocol says: the body is no JSON"),
        (
            lambda _: v2.encode(v2.Message({"o": np.zeros((1, 10))}), "outputs", binary=False),
            r"answers \(1, 10\) for 4",
        ),
    ],
)
def test_an_answer_that_cannot_be_is_said(ask, api, monkeypatch, said, why):
    monkeypatch.setattr(api, "said", said)
    with pytest.raises(UserError, match=f"^victim.url: api {why}"):
        ask(pixels(4))


FEW = DATA.test.take(torch.arange(64))
SURE = torch.nn.functional.one_hot(FEW.labels, 10).double()


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (9 * SURE, "logits"),
        ((9 * SURE).softmax(dim=1), "probabilities"),
        ((9 * SURE).log_softmax(dim=1), "log-probabilities"),
        (FEW.labels[:, None].double(), "label"),
    ],
)
def test_the_first_answer_tells_what_answers_are(answers, kind):
    places = torch.linspace(0, 63, 32).long()
    told = first_answer(lambda _: answers[places].numpy(), FEW, 10, Layout(), None)
    assert told.kind == kind
    said = told.log_probabilities(answers.numpy())
    assert torch.equal(said.argmax(dim=1), FEW.labels)
    assert torch.allclose(said.exp().sum(dim=1), torch.ones(64), atol=1e-5)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (9 * SURE.roll(1, dims=0)[:32], "of 32 images with known labels are named rightly, as a guess would; check"),
        (SURE[:32, :7], "answers a tensor"),
        (torch.full((32, 1), 11.0), "answers .* needs one class from 0 to 9"),
    ],
)
def test_a_first_answer_that_makes_no_sense_is_refused(answers, why):
    with pytest.raises(UserError, match=why):
        first_answer(lambda _: answers.double().numpy(), FEW, 10, Layout(), None)


PICTURE = {"protocol": "json", "request": '{"inputs": "$png"}', "answer": "scores"}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"consent": False}, r"consent=false: confirm that you may test this API by consent=true"),
        ({"url": "localhost:8000"}, r"url=localhost:8000: needs an address such as"),
        ({"headers_from_env": {"X-API-Key": "NOWHERE"}}, r"headers_from_env\.X-API-Key=NOWHERE: is no environment"),
        ({"protocol": "json"}, r"victim\.protocol=json: needs victim\.request"),
        ({"model": None}, r"victim\.model=null: victim\.protocol=v2 needs the model's name"),
        (PICTURE, r"victim\.batch_size=64: the template of victim\.request takes one image; use 1\."),
        (
            PICTURE | {"batch_size": 1, "range": 255.0},
            r"victim\.layout=nchw, victim\.range=255\.0, .*: a PNG has pixels in",
        ),
        (PICTURE | {"request": '["$pngs"]', "layout": "nhwc"}, r"victim\.layout=nhwc, .* leave these four out\.$"),
        (PICTURE | {"request": '["$pngs"]', "mean": [0.5], "std": [0.5]}, r"victim\.layout=.*, victim\.mean=\[0\.5\]"),
        ({"std": [0.0], "mean": [0.0]}, r"mean=\[0\.0\], std=\[0\.0\]: need a number per channel"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_sent(settings, why):
    with pytest.raises(UserError, match=f"^{why}"):
        RemoteVictims(**({"url": "http://a", "consent": True, "model": "m"} | settings))


def test_members_never_leave_unless_the_user_says_so(api, tmp_path, monkeypatch):
    right = {image: label for image, label in zip(DATA.test.digests, DATA.test.labels.tolist(), strict=True)}
    assert right
    monkeypatch.setattr(api, "said", lambda images: v2.encode(
        v2.Message({"o": np.eye(10)[DATA.test.labels[torch.linspace(0, len(DATA.test) - 1, 32).long()]]}), "outputs",
        binary=False,
    ))  # fmt: skip
    settings = {"url": "http://api", "consent": True, "model": "m", "transcript": str(tmp_path / "a.sqlite")}
    members = DATA.train.take(torch.arange(3))
    with RemoteVictims(**settings).connected(DATA, NoDefence(), members) as victim:
        before = api.requests
        with pytest.raises(UserError, match=r"^victim\.send_members=false: the attack asks about images"):
            victim.open(budget=9, seed=0).query(DATA.train.take(torch.arange(2, 6)).pixels())
        assert api.requests == before
