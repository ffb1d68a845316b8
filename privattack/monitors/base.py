"""What every monitor is, and what follows from its alarm."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from privattack.checks import MOST, Count, Few, checked
from privattack.defences.base import Counter, Defence
from privattack.randomness import derive

Policy = Literal["log", "refuse", "degrade", "ban"]


@checked
class Monitor(ABC):
    """Watches the queries of one client. An author writes `session` and `suspects`.

    Args:
        policy: what follows from an alarm: `log` answers on; `refuse` answers none of the batch that raised it;
            `degrade` answers with labels from then on; `ban` answers nothing more. What is not answered is equal odds.
        accounts: over how many accounts attackers spread their queries, image by image.
        pace: how many images attackers who slow down ask through an account before the monitor forgets them, as one
            does that starts anew each day; None for those who do not.
    """

    def __init__(self, *, policy: Policy = "log", accounts: Few = 1, pace: Count | None = None) -> None:
        self.policy = policy
        self.accounts = accounts
        self.pace = pace

    def guarding(self, defence: Defence) -> Defence:
        """Return a defence behind this monitor."""
        return Watched(defence, self)

    @abstractmethod
    def session(self, seed: int) -> "Monitor":
        """Return the monitor of one client, who has asked nothing yet."""

    @abstractmethod
    def suspects(self, pixels: Float[Tensor, "c h w"], winner: int) -> bool:
        """Take notice of a query and of the class that its answer names, and say whether it raises the alarm."""


class NoMonitor(Monitor):
    """Nobody watches."""

    def guarding(self, defence: Defence) -> Defence:
        """Return the defence alone."""
        return defence

    def session(self, seed: int) -> "NoMonitor":
        """Return itself: it remembers nothing."""
        return self

    def suspects(self, pixels: Float[Tensor, "c h w"], winner: int) -> bool:
        """Suspect nobody."""
        return False


class Watched(Defence):
    """A defence behind a monitor.

    Attributes:
        asked: how many images were asked about in this session, with all its accounts.
        alarm: how many had been asked about when the first alarm came; None where none came.
    """

    def __init__(self, defence: Defence, monitor: Monitor, watching: Sequence[Monitor] = ()) -> None:
        self.defence = defence
        self.monitor = monitor
        self.watching = [*watching]
        self.periods = [0] * len(watching)
        self.alarmed = [False] * len(watching)
        self.asked = 0
        self.alarm: int | None = None
        self.reveals, self.distorts, self.keeps_label = defence.reveals, defence.distorts, defence.keeps_label
        self.stateful = True

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        answers = self.defence(log_probabilities, pixels)
        if not self.watching:
            return answers
        self.answered = True
        answers = answers.clone()
        places = self.asked + torch.arange(len(pixels))
        for account in range(len(self.watching)):
            rows = (places % len(self.watching) == account).nonzero().flatten()
            # A batch may go on in the next period, in which the monitor has forgotten.
            periods = places[rows] // len(self.watching) // (self.monitor.pace or MOST)
            for period in periods.unique().tolist():
                some = rows[periods == period]
                monitor = self._in_period(account, period)
                answers[some] = self._account(account, monitor, answers[some], pixels[some], some)
        self.asked += len(pixels)
        return answers

    def _in_period(self, account: int, period: int) -> Monitor:
        """Return who watches an account: anew in each period."""
        if period != self.periods[account]:
            self.periods[account] = period
            self.watching[account] = self.watching[account].session(period)
        return self.watching[account]

    def _account(
        self,
        account: int,
        monitor: Monitor,
        answers: Float[Tensor, "n classes"],
        pixels: Float[Tensor, "n c h w"],
        rows: Int64[Tensor, " n"],
    ) -> Float[Tensor, "n classes"]:
        """Return what one account is answered of a batch."""
        policy, nothing = monitor.policy, torch.zeros_like(answers).log_softmax(dim=1)
        if policy == "ban" and self.alarmed[account]:
            self.answered &= len(rows) == 0
            return nothing
        winners = answers.argmax(dim=1)
        raised = torch.tensor(
            [monitor.suspects(image, int(winner)) for image, winner in zip(pixels, winners, strict=True)],
            dtype=torch.bool,
        )
        if not raised.any() and not self.alarmed[account]:
            return answers
        before = self.alarmed[account]
        first = 0 if before else int(raised.nonzero()[0])
        self.alarmed[account] = True
        if self.alarm is None:
            self.alarm = self.asked + int(rows[first]) + 1
        if policy == "log":
            return answers
        if policy == "refuse" and not raised.any():
            return answers
        self.answered &= policy == "degrade"
        if policy == "refuse":
            return nothing
        later = torch.arange(len(answers)).unsqueeze(1) >= first
        labels = torch.full_like(answers, 1e-7).scatter(1, winners.unsqueeze(1), 1.0).log().log_softmax(dim=1)
        return (labels if policy == "degrade" else nothing).where(later, answers)

    def session(self, seed: int) -> "Watched":
        """Return the defence as one client meets it, watched from the first query."""
        accounts = range(self.monitor.accounts)
        watching = [self.monitor.session(derive(seed, "account", number)) for number in accounts]
        return Watched(self.defence.session(seed), self.monitor, watching)

    def honest(self, seed: int) -> "Watched":
        """Return the same for a client with a single account who has no reason to slow down."""
        usual = copy.copy(self.monitor)
        usual.pace = None
        return Watched(self.defence.session(seed), usual, [self.monitor.session(seed)])

    def imitation(self) -> Defence:
        """Return the imitation of the defence: attackers' own models are not watched."""
        return self.defence.imitation()

    def counter(self) -> Counter:
        """Return what counters the defence."""
        return self.defence.counter()
