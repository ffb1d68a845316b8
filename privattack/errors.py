"""The one kind of error that a user can mend."""


class UserError(Exception):
    """Something the user set, or a file the user owns, cannot work.

    The message is one sentence that names the setting, its value and what would work. `run.py` prints
    it without a traceback and exits with status 1.
    """
