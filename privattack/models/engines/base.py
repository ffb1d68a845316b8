"""An engine has tasks trained somewhere; what is trained is found in the store, so that several may work at once."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import torch

from privattack.errors import UserError
from privattack.models.devices import device_of
from privattack.models.shadow_training import Outcome, Task

Train = Callable[[Sequence[Task], torch.device], Iterable[Outcome]]


class Engine(ABC):
    """Has shadow models trained.

    Attributes:
        models: how many a worker is given at a time.
        anew: whether a worker starts anew for whatever it is given.
        most: how many workers there are at once; None where the engine does not say.
    """

    models: int = 1
    anew: ClassVar[bool] = False
    most: int | None = None

    @abstractmethod
    def map(self, train: Train, tasks: Sequence[Task], device: torch.device) -> Iterator[Outcome]:
        """Yield each task's outcome as soon as it is known.

        Args:
            train: trains tasks into the store, wherever it is called; it can be pickled.
            device: of this process.

        Raises:
            UserError: a training fails, or the engine is not there.
        """


def split(tasks: Sequence[Task], size: int) -> list[Sequence[Task]]:
    """Return the tasks in parts of at most `size`."""
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]


def train_elsewhere(train: Train, tasks: Sequence[Task], accelerator: str) -> list[Outcome] | UserError:
    """Train in a worker on another machine; return what the user must mend, for engines wrap what is raised."""
    try:
        return list(train(tasks, device_of(accelerator)))
    except UserError as error:
        return error


@contextmanager
def installed(engine: str, extra: str) -> Iterator[None]:
    """Say which extra brings an engine's package where it is missing.

    Raises:
        UserError: it is.
    """
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"shadow.engine={engine}: {error.name} is not installed; pip install 'privattack[{extra}]' brings it."
        ) from error
