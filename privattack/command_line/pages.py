"""A page for each attack and defence, out of its docstrings and settings: `python -m privattack.command_line.pages`."""

import inspect
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import get_class

from privattack.command_line.options import first_comment, settings_of
from privattack.command_line.vocabulary import CONF

GROUPS = {"attack": "attacks", "defence": "defences"}
TRAINED = "privattack.defences.trained.Trained"
MADE = "*Made from the program's own words by `python -m privattack.command_line.pages`.*"


def pages() -> dict[Path, str]:
    """Return the text of each page, by its place below the folder of pages."""
    made = {}
    for group, folder in GROUPS.items():
        names: dict[str, list[str]] = {}
        for path in sorted((CONF / group).glob("*.yaml"), key=lambda path: (len(path.stem), path.stem)):
            names.setdefault(_target(settings_of(path)), []).append(path.stem)
        lines = []
        for target, options in sorted(names.items(), key=lambda one: one[1]):
            made[Path(folder) / f"{options[0]}.md"] = _page(group, target, options)
            lines.append(f"- [{options[0]}]({options[0]}.md): {first_comment(CONF / group / f'{options[0]}.yaml')}")
        made[Path(folder) / "index.md"] = "\n".join([f"# {folder.capitalize()}", "", *lines, "", MADE, ""])
    return made


def _target(settings: Mapping[str, Any]) -> str:
    """Return the class that an option is about: how the target is trained, where that is all that a defence does."""
    chosen = str(settings["_target_"])
    return str(settings["training._target_"]) if chosen == TRAINED else chosen


def _page(group: str, target: str, options: Sequence[str]) -> str:
    chosen = get_class(target)
    prose, meanings = _parts(inspect.getdoc(chosen) or "")
    said = dict.fromkeys([inspect.getdoc(inspect.getmodule(chosen)) or "", prose])
    lines = [f"# {options[0]}", "", *(f"{text}\n" for text in said if text), "```sh"]
    lines += [f"python run.py {group}={name:<24} # {first_comment(CONF / group / f'{name}.yaml')}" for name in options]
    lines += ["```", ""]
    path = CONF / group / f"{options[0]}.yaml"
    comments = dict(re.findall(r"^ *(\w+):.*?\s# (.*)$", path.read_text(), flags=re.MULTILINE))
    rows = [
        f"| `{group}.{name}` | `{json.dumps(value)}` | {meanings.get(last) or comments.get(last, '')} |"
        for name, value in settings_of(path).items()
        if (last := name.rsplit(".", 1)[-1]) not in ("_target_", "_partial_")
    ]
    lines += ["| setting | default | |", "|---|---|---|", *rows, ""] if rows else []
    place = str(Path(*target.split(".")[:-1]).with_suffix(".py"))
    return "\n".join([*lines, f"The program: `{place}`.", "", MADE, ""])


def _parts(docstring: str) -> tuple[str, dict[str, str]]:
    """Return a docstring's prose, and what it says of each argument."""
    prose, *rest = re.split(r"^(?:Args|Attributes|Raises):\n", docstring, flags=re.MULTILINE)
    meanings: dict[str, str] = {}
    for names, text in re.findall(r"^    ([\w, ]+): (.*(?:\n     .*)*)", "\n".join(rest[:1]), flags=re.MULTILINE):
        meanings |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return prose.strip(), meanings


def main() -> None:
    """Write all pages into the folder named on the command line."""
    (folder,) = sys.argv[1:] or [".github/docs"]
    for place, text in pages().items():
        path = Path(folder) / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
