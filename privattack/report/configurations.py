"""Every run's settings, as the page shows them."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from privattack.results.collect import Collection
from privattack.results.naming import flat, label, varying
from privattack.results.result import Job


def configurations(collection: Collection) -> str:
    """Return every run's settings: once those that all share, and for each run the others."""
    entries: list[tuple[Path, Job]] = [(run.folder, run.result.run) for run in collection.runs]
    entries += [(job.folder, job.run) for job in collection.failures]
    settings = [flat(run.config) for _, run in entries]
    shared = {
        name: value
        for name, value in settings[0].items()
        if all(name in one and one[name] == value for one in settings)
    }
    blocks = []
    if len(entries) > 1:
        blocks.append(_details("Shared by all", shared))
    names = varying(run for _, run in entries)
    for (folder, run), own in zip(entries, settings, strict=True):
        differing = {name: value for name, value in own.items() if len(entries) == 1 or name not in shared}
        title = label(run, ["attack", "defence", *names])
        blocks.append(_details(f"{title} ({folder.name})", {"folder": folder, **differing}))
    return "\n".join(blocks)


def _details(title: str, settings: Mapping[str, Any]) -> str:
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    return f"<details><summary>{escape(title)}</summary><pre>{escape(lines)}</pre></details>"
