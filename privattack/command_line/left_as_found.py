"""The folder of a run that fails, left as it was found: it may be the user's own."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from privattack.atomic_write import write_whole

HYDRAS = (".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml")
# What a run leaves; its report is made after it.
WRITTEN = (
    *HYDRAS, "run.log", "events.out.tfevents.*", "splits.npz", "training.csv", "roc.csv", "histograms.csv",
    "scores.csv.gz", "compared.npz", "result.json",
)  # fmt: skip

Found = Mapping[Path, bytes]


def found_in(folder: Path) -> Found:
    """Return the files in a folder that a run would write over, and what they hold."""
    return {path: path.read_bytes() for path in _written(folder)}


def found_by_job(folder: Path) -> Found:
    """Return the same once Hydra has begun a job there: what it has written over by then is taken for its own."""
    hydras = {folder / name for name in HYDRAS}
    found = found_in(folder)
    return {path: held for path, held in found.items() if path not in hydras and (held or path.name != "run.log")}


def leave_as_found(folder: Path, found: Found) -> None:
    """Take back what a run wrote into its folder, and nothing else; where it has its result, it has not failed."""
    result = folder / "result.json"
    if result.exists() and result not in found:
        return
    for handler in [*logging.getLogger().handlers]:
        # One that stays would write the log again; others are the caller's own.
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == folder.resolve():
            handler.close()
            logging.getLogger().removeHandler(handler)
    for path in _written(folder):
        if path not in found:
            path.unlink()
        elif path.read_bytes() != found[path]:
            write_whole(path, found[path])
    empty = [folder / ".hydra", folder]
    if folder.parent.parent == Path("outputs").resolve():
        empty.append(folder.parent)
    for place in empty:
        with suppress(OSError):  # it holds something of the user's, or another run
            place.rmdir()


def _written(folder: Path) -> list[Path]:
    return [path for name in WRITTEN for path in folder.glob(name) if path.is_file()]
