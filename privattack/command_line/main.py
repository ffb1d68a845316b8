"""From the words of the command line to an exit status."""

import os
import sys
from collections.abc import Callable, Sequence

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from privattack.command_line.claim_file import words_of
from privattack.command_line.job import job
from privattack.command_line.left_as_found import leave_as_found
from privattack.command_line.refused_files import FULL, refusal
from privattack.command_line.sentences import sentence
from privattack.command_line.sweep import Sweep, claims_status, failures, remove_if_empty
from privattack.command_line.vocabulary import CONF, no_option
from privattack.interrupts import INTERRUPTED, interruptible
from privattack.report.hydra_callback import report


def main() -> None:
    """Run what the command line says and exit.

    With 0 well, 1 a job failed, 2 the command line is wrong, 3 a claim is refuted, 4 a claim is undecided, 130
    interrupted.
    """
    if sys.argv[1:2] in (["table"], ["figures"]):
        # Here and not above: `--help` needs none of it.
        from privattack.report import figures, paper

        return (paper if sys.argv[1] == "table" else figures).main(sys.argv[2:])
    if sys.argv[1:2] == ["check"]:
        try:
            sys.argv[1:] = words_of(sys.argv[2:])
        except ValueError as error:
            _refuse(str(error))
    sys.argv[1:] = overrides_first([*map(spelled_as_now, sys.argv[1:])])
    Sweep.folder = Sweep.run = Sweep.begun = Sweep.found = None
    program: Callable[[], None] = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        with interruptible():
            program()
        broken_off = []
    else:
        broken_off = _in_sentences(program)
    failed = [*failures(), *broken_off]
    for why in failed:
        print(f"Error: {why}", file=sys.stderr)
    sys.exit(1 if failed else claims_status())


def spelled_as_now(word: str) -> str:
    """Return an argument by the names that settings have now, and say so."""
    if not word.startswith("budgets="):
        return word
    now = word.replace("budgets", "budget", 1)
    print(f"{word}: the setting is called budget now; it is taken as {now}.", file=sys.stderr)
    return now


def overrides_first(words: Sequence[str]) -> list[str]:
    """Return the same words with Hydra's flags last, for its parser wants all overrides side by side."""
    overrides = get_args_parser().parse_intermixed_args(words).overrides
    return [*overrides, *(word for word in words if word not in overrides)]


def _in_sentences(program: Callable[[], None]) -> list[str]:
    """Run Hydra's program; return why a sweep ended before its last job, if it did."""
    # Otherwise Hydra prints and swallows what is to become one sentence here.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with interruptible():
            program()
            sys.stdout.flush()
    except KeyboardInterrupt:
        print(
            "\nInterrupted. The store is sound; the same command goes on from the last epoch, or shadow model.",
            file=sys.stderr,
        )
        sys.exit(INTERRUPTED)
    except (HydraException, OmegaConfBaseException) as error:
        _refuse(sentence(error, sys.argv[1:]))
    except BrokenPipeError:  # as of `--help | head`; nothing more can be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        # Hydra's own files, for a job says itself what it was refused.
        folder = error.filename or (Sweep.begun if error.errno in FULL else None)
        if Sweep.begun and Sweep.found is not None:
            leave_as_found(Sweep.begun, Sweep.found)
        print(
            f"Error: outputs: the run's folder {folder} cannot be written ({error.strerror}); "
            "set hydra.run.dir (or hydra.sweep.dir) to a folder where you may write."
            if folder
            else f"Error: {refusal(error, {})}",
            file=sys.stderr,
        )
        sys.exit(1)
    except Exception as error:
        # Hydra's answer where the name of an option is no word, as in `attack=null`.
        if why := next(filter(None, map(no_option, sys.argv[1:])), None):
            _refuse(why)
        if "Config group override must be a string" in str(error):
            empty = next((word for word in sys.argv[1:] if word.endswith("=null")), "null")
            _refuse(f"{empty}: a group needs an option by its name; leave it out.")
        if not Sweep.folder:
            raise
        # Jobs keep their errors to themselves: a launcher's process was killed, or a sweeper has no job to choose from.
        report(Sweep.folder, sweep=True)
        first = next(iter(str(error).splitlines()), "")
        return [
            f"{Sweep.folder}: the sweep ended early ({type(error).__name__}: {first}); HYDRA_FULL_ERROR=1 shows where."
        ]
    return []


def _refuse(why: str) -> None:
    remove_if_empty()
    print(f"Error: {why}", file=sys.stderr)
    sys.exit(2)
