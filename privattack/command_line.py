"""Between Hydra and the experiment: the names of runs, and errors in one sentence.

Imports nothing slow, so that `--help` and a mistyped setting are answered at once.
"""

import difflib
import hashlib
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from privattack import settings
from privattack.atomic_write import write_whole
from privattack.errors import UserError

log = logging.getLogger(__name__)

# In every name anyway, or without influence on the result.
UNNAMED = ("attack", "defence", "budget", "seed", "store", "data.root", "verbose", "trainer.progress")

# Hydra's only word on `attack=null`.
GROUP_NOT_WORD = "Config group override must be a string"

failures: list[str] = []


def run_name(choices: Mapping[str, Any], overrides: Sequence[str], budget: object, seed: object) -> str:
    """Return what tells a run from others: `mea-label_only-b3000-s0`, then whatever else was set."""
    name = f"{choices['attack']}-{choices['defence']}-b{budget}-s{seed}"
    for override in overrides:
        if override.lstrip("+~").split("=")[0] not in UNNAMED:
            name += "-" + re.sub(r"[^\w.,=+-]+", "_", override)
    if len(name) > 160:
        name = f"{name[:150]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def if_emnist(root: str, text: str) -> str:
    """Return `text` where EMNIST's digits lie under `root`, else nothing."""
    return text if (Path(root) / "EMNIST/raw/emnist-digits-test-images-idx3-ubyte").exists() else ""


def largest(budgets: Sequence[int] | None, default: int) -> int:
    """Return the largest of `budgets`, the default where there are none."""
    return max(budgets) if budgets else default


def partial(made: DictConfig) -> DictConfig:
    """Return settings of which Hydra makes a function that takes what they leave out."""
    return OmegaConf.create({**made, "_partial_": True})


def register_resolvers() -> None:
    """Make known to OmegaConf what the files in `conf` compute."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    OmegaConf.register_new_resolver("process", os.getpid, replace=True)
    OmegaConf.register_new_resolver("if_emnist", if_emnist, replace=True)
    OmegaConf.register_new_resolver("largest", largest, replace=True)
    OmegaConf.register_new_resolver("partial", partial, replace=True)


def main(job: Callable[[], None]) -> None:
    """Run Hydra's `job` and exit: 0 well, 1 a job failed, 2 the command line is wrong, 130 interrupted."""
    register_resolvers()
    failures.clear()
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        job()
        sys.exit(1 if failures else 0)
    # Otherwise Hydra prints and swallows what is to become one sentence here.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        job()
    except KeyboardInterrupt:
        sys.exit(130)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        if type(error) is ValueError and GROUP_NOT_WORD not in str(error):
            raise
        _remove_empty_sweep()
        print(f"Error: {_sentence(error)}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(
            f"Error: outputs: the run's folder {error.filename} cannot be written ({error.strerror}); "
            "set hydra.run.dir (or hydra.sweep.dir) to a folder where you may write.",
            file=sys.stderr,
        )
        sys.exit(1)
    _remove_empty_sweep()
    sys.exit(1 if failures else 0)


def run_job(config: DictConfig) -> None:
    """Run one experiment in the folder that Hydra made.

    On an error that the user can mend, a single run leaves nothing, and a job of a sweep a `failure.json` with the
    reason: the sweep goes on, and its report has a row for it.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    try:
        _check_added(config, hydra.overrides.task)
        settings.check(cast(dict[str, Any], OmegaConf.to_container(config, resolve=True)))
        if (folder / "result.json").exists():
            raise UserError(f"hydra.run.dir={folder}: holds a result already; choose another folder.")
        # Here and not above: importing PyTorch takes seconds.
        from privattack.experiment import run

        choices = {group: option for group, option in hydra.runtime.choices.items() if option is not None}
        run(config, choices, folder)
    # Lightning turns an interrupted training into SystemExit.
    except (KeyboardInterrupt, SystemExit) as interrupt:
        print(
            "\nInterrupted. The store is sound; the same command goes on from the last epoch, or shadow model.",
            file=sys.stderr,
        )
        _remove_unfinished(folder)
        raise KeyboardInterrupt from interrupt
    except (UserError, HydraException, OmegaConfBaseException) as error:
        print(f"Error: {_sentence(error)}", file=sys.stderr)
        _remove_unfinished(folder)
        _fail(_sentence(error), config)
    except Exception as error:
        if hydra.mode is not RunMode.MULTIRUN:
            raise
        log.exception("This job failed; the sweep goes on.")
        _fail(f"{type(error).__name__}: {error}", config)


def _fail(why: str, config: DictConfig) -> None:
    failures.append(why)
    hydra = HydraConfig.get()
    if hydra.mode is RunMode.MULTIRUN:
        folder = Path(hydra.runtime.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        settings = OmegaConf.to_container(config, resolve=False)
        run = {name: hydra.runtime.choices[name] for name in ("attack", "defence", "data", "nonmembers")}
        run |= {name: OmegaConf.select(config, name) for name in ("seed", "budget", "repetitions")}
        content = json.dumps({"run": {**run, "config": settings}, "why": why}, indent=2)
        write_whole(folder / "failure.json", content.encode())


def _sentence(error: BaseException) -> str:
    """Say in one sentence which setting has which value and what would work."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return str(cause)
        cause = cause.__cause__
    text = str(error)
    if option := re.search(r"Could not find '([^']+)/([^'/]+)'", text):
        group, name = option.groups()
        choices = re.findall(r"^\t(\S+)$", text, flags=re.MULTILINE)
        return f"{group}={name}: there is no such option; choose one of {', '.join(choices)}."
    if key := re.search(r"Could not (?:override|delete)[^']*'([^']+)'", text):
        return _unknown(key.group(1))
    if key := re.search(r"Could not append to config\D+?'([^']+)'", text):
        return f"+{key.group(1)}: the setting exists already; leave out the +."
    if isinstance(error, OverrideParseException):
        why = next(line for line in text.splitlines() if not line.startswith("Error parsing"))
        return f"{error.override}: cannot be read ({why}); write settings as name=value."
    if word := re.search(r"Ambiguous value for argument '(.+)'", text):
        return f"{word.group(1)}: has several values; run.py -m runs one job for each, and name=[a,b] is one list."
    if GROUP_NOT_WORD in text:
        return next(filter(None, map(_no_option, sys.argv[1:])), text)
    if key := re.search(r"Interpolation key '([^']+)' not found", text):
        return f"{key.group(1)}: the setting is missing; leave it in, or give it a value."
    if key := re.search(r"Missing mandatory value: (\S+)", text):
        return f"{key.group(1)}: has no value of its own; give it one, as in {key.group(1)}=..."
    if key := re.search(r"is not in struct\s+full_key: (?:hydra.runtime.choices.)?(\S+)", text):
        return f"{key.group(1)}: the setting is missing; leave it in, or give it a value."
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__


def _no_option(word: str) -> str | None:
    group, _, option = word.partition("=")
    options = sorted(path.stem for path in (_conf() / group).glob("*.yaml"))
    if not options or option in options:
        return None
    return f"{group}={option}: there is no such option; choose one of {', '.join(options)}."


def _conf() -> Path:
    return Path(sys.argv[0]).resolve().parent / "conf"


def _unknown(key: str) -> str:
    given = next((word for word in sys.argv[1:] if word.split("=")[0].lstrip("+~") == key), key)
    known = _known()
    if key in known:
        return f"{given}: the options chosen have no such setting; --cfg job shows those that they have."
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? All" if close else "all"
    return f"{given}: there is no such setting; {hint} settings: python run.py --help."


def _check_added(config: DictConfig, overrides: Sequence[str]) -> None:
    """Refuse a `+setting` that nothing would read; what lies under a `_target_`, its class checks itself."""
    for override in overrides:
        path = override.lstrip("+").split("=")[0].split(".")
        parents = [OmegaConf.select(config, ".".join(path[:end])) for end in range(1, len(path))]
        if override.startswith("+") and not any(OmegaConf.is_dict(node) and "_target_" in node for node in parents):
            raise UserError(_unknown(".".join(path)))


def _known() -> list[str]:
    """Return every setting and group that the program has by default."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(_conf()), version_base="1.3"):
        config = OmegaConf.to_container(compose("config"), resolve=False)

    def names(node: Any, prefix: str) -> list[str]:
        if not isinstance(node, Mapping):
            return []
        found = []
        for name, value in node.items():
            found += [f"{prefix}{name}", *names(value, f"{prefix}{name}.")]
        return found

    return [*names(config, ""), *(path.name for path in _conf().iterdir() if path.is_dir())]


def _remove_unfinished(folder: Path) -> None:
    """Remove what this run wrote, and nothing else: the folder may be the user's own."""
    if not (folder / "result.json").exists():
        for handler in [*logging.getLogger().handlers]:
            if isinstance(handler, logging.FileHandler):  # one that stays would write the log again
                handler.close()
                logging.getLogger().removeHandler(handler)
        shutil.rmtree(folder / ".hydra", ignore_errors=True)
        for pattern in ("run.log", "events.out.tfevents.*", "splits.npz", "training.csv", "roc.csv", "histograms.csv"):
            for path in folder.glob(pattern):
                path.unlink()
        with suppress(OSError):  # it holds something of the user's
            folder.rmdir()
    if folder.parent.parent == Path("outputs").resolve():
        with suppress(OSError):  # it holds another run
            folder.parent.rmdir()


def _remove_empty_sweep() -> None:
    for folder in Path("outputs").glob(f"sweep-*-{os.getpid()}"):
        if [path.name for path in folder.iterdir()] == ["multirun.yaml"]:
            shutil.rmtree(folder)
