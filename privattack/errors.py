"""The one kind of error that a user can mend."""

from collections.abc import Mapping
from typing import Any

LONGEST = 100  # characters of a value in a sentence


class UserError(Exception):
    """Something the user set, or a file the user owns, cannot work.

    The message is one sentence that names the setting, its value and what would work. `run.py` prints
    it without a traceback and exits with status 1.
    """


class SettingError(UserError):
    """Settings of one class that cannot work, by the names that the class has for them.

    Args:
        settings: values by name.
        why: what they need, without the full stop.
    """

    def __init__(self, settings: Mapping[str, Any], why: str) -> None:
        super().__init__(settings, why)
        self.settings = settings
        self.why = why

    def __str__(self) -> str:
        return f"{', '.join(f'{name}={shown(value)}' for name, value in self.settings.items())}: {self.why}."

    def under(self, place: str) -> "SettingError":
        """Return the same by the settings' full names, as the command line has them."""
        return SettingError({f"{place}.{name}": value for name, value in self.settings.items()}, self.why)


def shown(value: Any) -> str:
    """Return a value in one line, as the command line writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        text = f"[{', '.join(map(shown, value))}]"
    elif isinstance(value, Mapping):
        text = f"{{{', '.join(f'{shown(name)}: {shown(one)}' for name, one in value.items())}}}"
    elif isinstance(value, str | int | float):
        text = str(value) if str(value).isprintable() else ascii(value)
    else:
        text = type(value).__name__
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def why(error: BaseException) -> str:
    """Return an error of somebody else's code in one line: its kind and the first line of what it says."""
    said = str(error).splitlines()
    return f"{type(error).__name__}: {said[0] if said else 'no reason given'}"
