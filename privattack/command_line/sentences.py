"""Errors of Hydra and OmegaConf in one sentence: which setting has which value, and what would work."""

import re
from collections.abc import Sequence

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import MissingMandatoryValue

from privattack.command_line.vocabulary import no_option, unknown
from privattack.errors import UserError

# Where an option belongs to a package that is not installed, the extra that brings it.
EXTRAS = {
    "hydra/launcher=joblib": "joblib",
    "hydra/launcher=ray": "ray",
    "hydra/launcher=submitit_local": "slurm",
    "hydra/launcher=submitit_slurm": "slurm",
    "hydra/sweeper=optuna": "optuna",
}


def sentence(error: BaseException, words: Sequence[str]) -> str:
    """Say in one sentence what is wrong; `words` are the command line's, to be quoted."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return str(cause)
        cause = cause.__cause__
    text = str(error)
    match error:
        case MissingConfigException(missing_cfg_file=str(path)) if "/" in path:
            given = "=".join(path.rsplit("/", 1))
            if given in EXTRAS:
                return f"{given}: is not installed; pip install 'privattack[{EXTRAS[given]}]' brings it."
            options = f"choose one of {', '.join(error.options)}" if error.options else "leave it out"
            return no_option(given) or f"{given}: there is no such option; {options}."
        case OverrideParseException():
            why = next(line for line in text.splitlines() if not line.startswith("Error parsing"))
            return f"{error.override}: cannot be read ({why}); write settings as name=value."
        case MissingMandatoryValue():
            return f"{error.full_key}: has no value of its own; give it one, as in {error.full_key}=..."
    # What is left has its names in its text only.
    if key := re.search(r"Could not (?:override|delete)[^']*'([^']+)'", text):
        return unknown(key.group(1), words)
    if key := re.search(r"Could not append to config\D+?'([^']+)'", text):
        return f"+{key.group(1)}: the setting exists already; leave out the +."
    if word := re.search(r"Ambiguous value for argument '(.+)'", text):
        return f"{word.group(1)}: has several values; run.py -m runs one job for each, and name=[a,b] is one list."
    missing = r"Interpolation key '([^']+)' not found|is not in struct\s+full_key: (?:hydra.runtime.choices.)?(\S+)"
    if key := re.search(missing, text):
        return f"{key.group(1) or key.group(2)}: the setting is missing; leave it in, or give it a value."
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__
