"""Words of a command line that are a program's own, beside those of `run.py`."""

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from privattack.errors import SettingError, UserError

Made = TypeVar("Made")


def own_words(words: Sequence[str], prefix: str, made: Callable[..., Made]) -> tuple[Made, list[str]]:
    """Return the settings that words such as `serve.port=80` say, and all other words.

    Args:
        prefix: such as `serve.`.
        made: makes settings of keyword arguments, which it checks.

    Raises:
        UserError: there is no such setting, or it cannot have this value.
    """
    own = [word for word in words if word.startswith(prefix)]
    try:
        said = OmegaConf.to_container(OmegaConf.from_dotlist([word.removeprefix(prefix) for word in own]))
        settings = made(**cast(dict[str, Any], said))
    except SettingError as error:
        raise error.under(prefix.rstrip(".")) from error
    except (TypeError, OmegaConfBaseException) as error:
        raise UserError(f"{' '.join(own)}: cannot be read ({error}); --help names the program's settings.") from error
    return settings, [word for word in words if word not in own]


def run_program(program: Callable[[Sequence[str]], None], told: str) -> None:
    """Run a program of its own on the command line's words and exit: 0 well, 1 a setting cannot work.

    Args:
        told: what `--help` prints.
    """
    if {"-h", "--help"} & {*sys.argv[1:]}:
        print(told)
        return
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)
    try:
        program(sys.argv[1:])
    except UserError as error:
        sys.exit(f"Error: {error}")
