"""Several defences, each applied to what the one before it answers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

from jaxtyping import Float
from torch import Tensor

from privattack.checks import checked
from privattack.defences.base import Counter, Defence, Responses, Reveals
from privattack.defences.owner import Owner
from privattack.errors import SettingError
from privattack.models.recipes import Supervised
from privattack.randomness import derive


@checked
class Chain(Defence):
    """Applies defences one after the other.

    Two of one kind draw the same where they have the same key: give them keys of their own.

    Args:
        defences: by any names, at least one, in this order.
    """

    def __init__(self, *, defences: Mapping[str, Any]) -> None:
        if not defences:
            raise SettingError({"defences": defences}, "needs one defence or more, by name")
        for name, defence in defences.items():
            if not isinstance(defence, Defence):
                raise SettingError(
                    {f"defences.{name}": defence}, "needs a _target_ that names a defence, and its settings"
                )
        self.defences: dict[str, Defence] = dict(defences)
        each = self.defences.values()
        training = {name: one.training for name, one in self.defences.items() if one.training is not Supervised}
        if len(training) > 1:
            raise SettingError({"defences": [*training]}, "need one at most that acts in the training")
        self.training = next(iter(training.values()), Supervised)
        self.reveals = min(each, key=lambda one: one.reveals is Reveals.SCORES).reveals
        self.distorts = any(one.distorts for one in each)
        self.keeps_label = all(one.keeps_label for one in each)
        self.stateful = any(one.stateful for one in each)

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        return reduce(lambda said, one: one(said, pixels), self.defences.values(), log_probabilities)

    def session(self, seed: int) -> "Chain":
        """Return the sessions of all, each with a seed of its own."""
        return self._each(lambda place, one: one.session(derive(seed, place)))

    def imitation(self) -> "Chain":
        """Return the imitations of all."""
        return self._each(lambda _, one: one.imitation())

    def fitted(self, owner: Owner) -> "Chain":
        """Return all of them, each fitted to what the ones before it answer."""
        fitted: dict[str, Defence] = {}
        for name, one in self.defences.items():
            fitted[name] = one.fitted(owner)
            owner = replace(owner, answers=_behind(owner.answers, fitted[name]))
        return Chain(defences=fitted)

    def counter(self) -> Counter:
        """Return what counters the last of them first; surrogates pass through it where nothing is undone."""
        counters = [one.counter() for one in reversed(self.defences.values())]

        def undo(responses: Responses) -> Responses:
            return reduce(lambda said, one: one.undo(said) if one.undo else said, counters, responses)

        def weight(responses: Responses) -> Float[Tensor, " n"]:
            weights = responses.new_ones(len(responses))
            for one in counters:
                weights = weights * one.weight(responses) if one.weight else weights
                responses = one.undo(responses) if one.undo else responses
            return weights

        undoes = any(one.undo for one in counters)
        return Counter(
            undo=undo if undoes else None,
            weight=weight if any(one.weight for one in counters) else None,
            through=None if undoes else counters[0].through,
            repeats=max(one.repeats for one in counters),
            copies=any(one.copies for one in counters),
        )

    def _each(self, change: Callable[[int, Defence], Defence]) -> "Chain":
        changed = {name: change(place, one) for place, (name, one) in enumerate(self.defences.items())}
        return Chain(defences=changed)


def _behind(answers: Callable[[Tensor], Tensor], defence: Defence) -> Callable[[Tensor], Tensor]:
    return lambda pixels: defence(answers(pixels), pixels)
