"""Which groups, options and settings there are, and what is said of one that is not."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from privattack.errors import UserError

PACKAGE = Path(__file__).parents[1]
# A wheel has the settings inside of the package, a checkout beside it.
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"


def no_option(word: str) -> str | None:
    """Say that a word like `group=option` names no option of its group; None where it does, or names no group."""
    group, _, option = word.partition("=")
    options = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    if not options or {*option.split(",")} <= {*options}:
        return None
    return f"{group}={option}: there is no such option; choose one of {', '.join(options)}."


def unknown(key: str, words: Sequence[str]) -> str:
    """Say that there is no setting `key`, which one of `words` sets."""
    given = next((word for word in words if word.split("=")[0].lstrip("+~") == key), key)
    known, group = _known(), key.split(".")[0]
    if any(word.startswith(f"{group}=") and "," in word for word in words):
        return f"{given}: not every {group} has such a setting; in a sweep over them, write ++{given.lstrip('+~')}."
    if key in known:
        return f"{given}: the options chosen have no such setting; --cfg job shows those that they have."
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? All" if close else "all"
    return f"{given}: there is no such setting; {hint} settings: python run.py --help."


def check_added(config: DictConfig, overrides: Sequence[str]) -> None:
    """Refuse a `+setting` that nothing would read; what lies under a `_target_`, its class checks itself."""
    for override in overrides:
        path = override.lstrip("+").split("=")[0].split(".")
        parents = [OmegaConf.select(config, ".".join(path[:end])) for end in range(1, len(path))]
        if override.startswith("+") and not any(OmegaConf.is_dict(node) and "_target_" in node for node in parents):
            raise UserError(unknown(".".join(path), overrides))


def _known() -> list[str]:
    """Return every setting and group that the program has by default."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose("config"), resolve=False)

    def names(node: Any, prefix: str) -> list[str]:
        if not isinstance(node, Mapping):
            return []
        found = []
        for name, value in node.items():
            found += [f"{prefix}{name}", *names(value, f"{prefix}{name}.")]
        return found

    return [*names(config, ""), *(path.name for path in CONF.iterdir() if path.is_dir())]
