"""What `--help` says of groups and their options: a line for each, from the first comment of its file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from privattack.command_line.vocabulary import CONF

WIDTH = 24


def groups() -> str:
    """Return a line for each group: its default, and what it answers."""
    return "\n".join(f"  {f'{group}={default}':<{WIDTH}} {said}" for group, default, said in _groups())


def options() -> str:
    """Return a line for each option of each group."""
    blocks = []
    for group, _, _ in _groups():
        lines = [f"    {path.stem:<{WIDTH}} {first_comment(path)}" for path in sorted((CONF / group).glob("*.yaml"))]
        blocks.append("\n".join([f"  {group}=", *lines]))
    return "\n".join(blocks)


def first_comment(path: Path) -> str:
    """Return the first sentence of a file's first comment; nothing where it has none."""
    comment = ""
    for line in path.read_text().splitlines():
        if not line.startswith("# "):
            break
        if not line.startswith("# @package"):
            comment += line[1:]
    sentence = re.match(r"(.*?)\.(?= [A-Z]|$)", comment.strip())
    return sentence[1] if sentence else comment.strip()


def settings_of(path: Path) -> dict[str, Any]:
    """Return an option's settings by their dotted names, with those of an option of the group that it begins with."""
    # Here and not above: `--help` needs none of it.
    from privattack.results.naming import flat

    own = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(own, dict)
    begun: dict[str, Any] = {}
    for name in own.pop("defaults", []):
        if (path.parent / f"{name}.yaml").exists():
            begun |= settings_of(path.with_name(f"{name}.yaml"))
    # Some set more than their group.
    return begun | flat(own.get(path.parent.name, own))


def _groups() -> Iterator[tuple[str, str, str]]:
    """Yield each group in the order of the defaults, the option chosen, and the comment that says what it answers."""
    pattern = r"^  - (\w+): (\w+)\s+# (.*)$"
    yield from re.findall(pattern, (CONF / "config.yaml").read_text(), flags=re.MULTILINE)
