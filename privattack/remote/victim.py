"""The victim behind somebody's API: its sessions, a judge who pays, and what of the model stays unknown."""

import hashlib
import json
import logging
from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from privattack import metrics
from privattack.data.images import DataSet, LabelledImages, digests
from privattack.defences.base import Defence, Reveals
from privattack.errors import UserError
from privattack.measurement import Measurement
from privattack.randomness import generator
from privattack.remote.asking import Asker, Session
from privattack.remote.connecting import LABEL, Metadata, first_answer, metadata, protocol_of
from privattack.remote.sender import Sender
from privattack.remote.settings import Settings
from privattack.remote.transcript import Transcript
from privattack.results.result import Remote, Target
from privattack.service import Service
from privattack.victims import ForeignVictim, ForeignVictims, Judged, Standing

log = logging.getLogger(__name__)

INSIDE = "it takes the model's own answers, and the API gives defended ones"


class AsAnswered(Defence):
    """Leaves answers as they came: the defence stands at the server.

    Args:
        believed: the defence that attackers believe to be in place.
    """

    def __init__(self, believed: Defence) -> None:
        self.reveals = believed.reveals
        self._believed = believed

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        return log_probabilities

    def imitation(self) -> Defence:
        """Return what attackers run in its place."""
        return self._believed.imitation()


class RemoteVictim(ForeignVictim):
    """A model behind somebody's API. `connected` makes one.

    Args:
        endpoint: what tells it from other APIs.
        asker: asks it.
        data: whose classes it tells apart.
        defence: which defence the attackers believe to be in place.
        private: digests of images that are not to be sent.
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: dict[str, Any],
        asker: Asker,
        data: DataSet,
        defence: Defence,
        private: Set[bytes],
    ) -> None:
        self.classes = data.classes
        self.name = hashlib.sha256(json.dumps(endpoint, sort_keys=True).encode()).hexdigest()[:16]
        self._settings = settings
        self._asker = asker
        self._private = private
        self._accuracy = Measurement.missing(0, "the judge asked about no images with known labels")
        probe = Session(asker, torch.from_numpy, width=data.classes)
        told = first_answer(
            lambda pixels: probe(pixels).numpy(), data.test, data.classes, settings.images, settings.answers
        )
        self._by_judge = asker.asked
        self._tell = told.log_probabilities
        if told.kind == LABEL and defence.reveals is not Reveals.LABEL:
            raise UserError(
                f"defence={type(defence).__name__}: the API answers a label and nothing else, and the attackers should "
                "know; set defence=label_only."
            )
        self._believed = defence
        self._judge = Session(asker, self._tell, width=self.classes)

    def open(self, *, budget: int, seed: int) -> Service:
        """Open a session; what other sessions were answered costs it nothing again. See the base class."""
        session = Session(self._asker, self._tell, width=self.classes)

        def answer(pixels: Tensor) -> Tensor:
            if self._private and not self._private.isdisjoint(digests(pixels)):
                raise UserError(
                    "victim.send_members=false: the attack asks about images that the model was trained on, and they "
                    "would leave this machine; victim.send_members=true sends them."
                )
            return session(pixels)

        return Service(answer, AsAnswered(self._believed), budget=budget)

    def judge(self, pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Ask in a session of the judge's own, and say first what it costs; see the base class."""
        unpaid, price = self._asker.unpaid(self._judge.queries(pixels)), self._settings.price
        cost = "" if price is None else f", {price * unpaid / 1_000:.2f} of money"
        log.info("victim: the judge asks about %d images, %d of them not paid before%s.", len(pixels), unpaid, cost)
        self._by_judge += len(pixels)
        return self._judge(pixels)

    def judged(self, test: LabelledImages) -> Judged:
        """Ask about as many images as `judge_images` says, chosen at random; see the base class."""
        most = self._settings.judge_images
        if most is not None and most < len(test):
            test = test.take(torch.randperm(len(test), generator=generator(0, "judge"))[:most].sort().values)
        said = self.judge(test.pixels())
        self._accuracy = metrics.proportion((said.argmax(dim=1) == test.labels).numpy())
        own = self._believed.reveals is Reveals.SCORES and not self._believed.distorts
        return Judged(test, said, scores=own)

    def standing(self) -> Standing:
        """Return what a result says of the victim: what takes a look into the model is missing, with the reason."""
        asker, unknown = self._asker, Measurement.missing(0, INSIDE)
        learnt = Measurement.missing(0, "nobody asks about the images that the model was trained on")
        return Standing(
            Target(
                train_accuracy=learnt,
                test_accuracy=self._accuracy,
                trained=False,
                fingerprint=self.name,
                classes=self.classes,
            ),
            {"test_accuracy": self._accuracy, "labels_changed": unknown, "l1": unknown},
            seconds=0.0,
            remote=Remote(
                asked=asker.asked,
                requests=asker.requests,
                sent=asker.sent,
                judge=self._by_judge,
                money=asker.money,
            ),
        )


class RemoteVictims(ForeignVictims):
    """Makes the victim of a run when it begins; nothing is asked before. Takes the settings of `Settings`."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.sends_members = self.settings.send_members
        # What the settings lack is said before anything is trained.
        protocol_of(self.settings, Metadata())

    @contextmanager
    def connected(self, data: DataSet, defence: Defence, members: LabelledImages) -> Iterator[RemoteVictim]:
        """Yield the victim, after its first answer proved that it is understood.

        Args:
            defence: which defence the attackers believe to be in place.
            members: images that the model was trained on, as far as anybody says.

        Raises:
            UserError: it cannot be reached, or is not understood.
        """
        settings = self.settings
        sender = Sender(
            settings.url,
            settings.headers,
            timeout=settings.timeout,
            retries=settings.retries,
            connections=settings.concurrency,
        )
        identity = json.loads(json.dumps({name: getattr(settings, name) for name in IDENTITY}))
        told = _told_before(settings.transcript, identity) if settings.offline else metadata(sender, settings)
        endpoint = identity | {"told": told._asdict()}
        private = frozenset() if settings.send_members else frozenset(members.digests)
        with Transcript(settings.transcript, endpoint) as transcript:
            asker = Asker(
                sender,
                protocol_of(settings, told),
                settings.images,
                transcript,
                batch_size=settings.batch_size,
                concurrency=settings.concurrency,
                rate=settings.rate,
                price=settings.price,
                resend=settings.resend,
                offline=settings.offline,
            )
            try:
                yield RemoteVictim(settings, endpoint, asker, data, defence, private)
            finally:
                asker.close()


def _told_before(transcript: str, identity: dict[str, Any]) -> Metadata:
    """Return what an API told of itself when the transcript was written.

    Raises:
        UserError: the transcript does not know it.
    """
    known = [one for one in Transcript.endpoints(transcript) if identity.items() <= one.items()]
    if not known:
        raise UserError(
            f"victim.offline=true: {transcript} knows no API with these settings; use those of the run that asked it."
        )
    return Metadata(**known[-1]["told"])


# What one endpoint's answers cannot be taken for another's by: the API, and how images are written.
IDENTITY = (
    "url", "protocol", "model", "version", "input", "output", "binary", "path", "request", "answer", "layout", "range",
    "mean", "std",
)  # fmt: skip
