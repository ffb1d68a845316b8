"""Defences that act in the training: the service answers as the target does."""

from collections.abc import Callable

from privattack.checks import checked
from privattack.defences.none import NoDefence
from privattack.models.recipes import Supervised


@checked
class Trained(NoDefence):
    """Trains the target, and an attacker's shadow models, by a recipe of its own.

    Args:
        training: makes the recipe, of the settings that it leaves to `target`.
    """

    def __init__(self, *, training: Callable[..., Supervised]) -> None:
        self.training = training
