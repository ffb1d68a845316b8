"""Files that the operating system refuses end a run in one sentence: which file, and which setting put it there."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from privattack.errors import UserError

SETTINGS = ("store", "data.root", "data.path", "data.cache", "target.checkpoint", "target.members", "pool.path")
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def refusals_named(config: DictConfig, folder: Path) -> Iterator[None]:
    """Turn an `OSError` of a run into the user's.

    Args:
        folder: the run's.

    Raises:
        UserError: names what was refused.
    """
    # TensorBoard writes in a thread, and raises here what happens there.
    before, threading.excepthook = threading.excepthook, _told_here
    try:
        yield
    except BrokenPipeError:  # nobody reads what is printed
        raise
    except OSError as error:
        raise UserError(refusal(error, _places(config, folder))) from error
    finally:
        threading.excepthook = before


def _told_here(raised: threading.ExceptHookArgs) -> None:
    if not issubclass(raised.exc_type, OSError):
        threading.__excepthook__(raised)


def refusal(error: OSError, places: dict[str, Path]) -> str:
    """Say what was refused; `places` are absolute, by the words that put files there."""
    why = error.strerror or str(error)
    if error.filename is None:
        return f"the operating system refused what the run needs ({why}); HYDRA_FULL_ERROR=1 shows where."
    path = Path(os.path.abspath(os.fsdecode(error.filename)))
    holding = [words for words, place in places.items() if path.is_relative_to(place)]
    if not holding:
        return f"{path}: cannot be read or written ({why})."
    words = max(holding, key=lambda words: len(places[words].parts))
    remedy = "make room there" if error.errno in FULL else "make it so that you may"
    return f"{words}: {path} cannot be read or written ({why}); {remedy}, or set another place."


def _places(config: DictConfig, folder: Path) -> dict[str, Path]:
    set_here = {name: OmegaConf.select(config, name) for name in SETTINGS}
    named = {f"{name}={value}": Path(value).expanduser() for name, value in set_here.items() if value is not None}
    return {words: Path(os.path.abspath(path)) for words, path in {"outputs": folder, **named}.items()}
