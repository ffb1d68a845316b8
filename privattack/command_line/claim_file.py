"""`privattack check claims.yaml`: claims in a file that lies beside a model, as words of the command line."""

import json
import os
from pathlib import Path
from typing import Any

import yaml

USE = "use: privattack check FILE, a YAML file with `overrides:` (words of the command line) and `claims:`"


def words_of(arguments: list[str]) -> list[str]:
    """Return the words that a claim file stands for, and go to its folder, which its paths start from.

    Args:
        arguments: the file, then more words, which stand above the file's own.

    Raises:
        ValueError: there is no such file, or it is no claim file; in one sentence.
    """
    if not arguments:
        raise ValueError(f"check: names no file; {USE}.")
    path, more = Path(arguments[0]).expanduser(), arguments[1:]
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"check {path}: cannot be read ({' '.join(str(error).split())}); {USE}.") from None
    if not isinstance(document, dict) or set(document) - {"overrides", "claims"} or not document.get("claims"):
        raise ValueError(f"check {path}: is no claim file; {USE}.")
    overrides = document.get("overrides") or []
    if not isinstance(overrides, list) or not all(isinstance(word, str) for word in overrides):
        raise ValueError(f"check {path}: `overrides` is no list of words such as attack=mia_suite.")
    os.chdir(path.resolve().parent)
    return [*overrides, f"claims={_hydra(document['claims'])}", *more]


def _hydra(value: Any) -> str:
    """Return a value in the grammar of Hydra's overrides."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{_hydra(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_hydra, value)) + "]"
    return json.dumps(value)
