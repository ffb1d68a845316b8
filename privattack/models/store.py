"""The store of trained models: each is trained once, whoever asks, and never used damaged.

    <store>/<fingerprint>/recipe.json          everything that made the model; written last, so that
                                               a folder with it is complete
                          weights.safetensors
                          outputs.safetensors  what the model answered where it is asked again and again
                          history.csv          its training
                          training.ckpt        only while the training is unfinished

The fingerprint is a hash of the recipe. Nothing that is loaded could run code.
"""

import csv
import hashlib
import io
import json
import logging
import pickle
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from privattack.errors import UserError
from privattack.whole_files import write_whole

log = logging.getLogger(__name__)

# All that torch.load, safetensors and json were seen to raise on damaged bytes.
UNREADABLE = (
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RuntimeError,
    struct.error, pickle.UnpicklingError, SafetensorError,
)  # fmt: skip


@dataclass(frozen=True)
class StoredModel:
    """A trained model as it lies in the store: no code, only tensors and the training's course."""

    weights: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that change with anything in `recipe` (which must be JSON)."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]


class ModelStore:
    """A folder of trained models, shared by any number of processes.

    Raises:
        UserError: the folder cannot be written (once it has to be).
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def obtain(self, recipe: Mapping[str, Any], train: Callable[[Path], StoredModel]) -> tuple[StoredModel, bool]:
        """Return the model of `recipe` and whether it had to be trained now.

        `train` is called at most once over all processes. It gets the path where it keeps its checkpoint;
        where a killed process left one, the file is there.
        """
        folder = self.folder / fingerprint(recipe)
        stored = self._read(folder, put_aside=False)
        if stored is not None:
            return stored, False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._lock(folder):
                stored = self._read(folder, put_aside=True)
                if stored is not None:
                    return stored, False
                folder.mkdir(exist_ok=True)
                checkpoint = folder / "training.ckpt"
                _put_aside_unless(_is_checkpoint, checkpoint)
                trained = train(checkpoint)
                _write(folder, trained, recipe)
                checkpoint.unlink(missing_ok=True)
                return trained, True
        except OSError as error:
            raise UserError(
                f"store={self.folder}: the folder cannot be written ({error.strerror or error}); "
                "set store to a folder where you may write."
            ) from error

    def _lock(self, folder: Path) -> FileLock:
        lock = FileLock(folder.with_suffix(".lock"))
        try:
            lock.acquire(timeout=1)
            lock.release()
        except Timeout:
            log.info("Another process is training this model; waiting for it.")
        return lock

    def _read(self, folder: Path, *, put_aside: bool) -> StoredModel | None:
        if not (folder / "recipe.json").exists():
            return None
        try:
            facts = json.loads((folder / "recipe.json").read_text())
            parts = {}
            for name in ("weights", "outputs"):
                content = (folder / f"{name}.safetensors").read_bytes()
                if hashlib.sha256(content).hexdigest() != facts["sha256"][name]:
                    raise ValueError(f"{name}.safetensors is not what was written")
                parts[name] = load(content)
            with (folder / "history.csv").open(newline="") as file:
                history = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
            return StoredModel(parts["weights"], parts["outputs"], history)
        except UNREADABLE as error:
            if put_aside:
                _put_aside(folder, str(error))
            return None


def _write(folder: Path, model: StoredModel, recipe: Mapping[str, Any]) -> None:
    sums = {}
    for name, tensors in (("weights", model.weights), ("outputs", model.outputs)):
        content = save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()})
        sums[name] = hashlib.sha256(content).hexdigest()
        write_whole(folder / f"{name}.safetensors", content)
    history = io.StringIO()
    writer = csv.DictWriter(history, list(model.history[0]) if model.history else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(model.history)
    write_whole(folder / "history.csv", history.getvalue().encode())
    facts = {"recipe": recipe, "sha256": sums, "torch": torch.__version__}
    write_whole(folder / "recipe.json", json.dumps(facts, indent=1).encode())


def _is_checkpoint(path: Path) -> None:
    torch.load(path, map_location="cpu", weights_only=True)


def _put_aside_unless(readable: Callable[[Path], None], path: Path) -> None:
    if path.exists():
        try:
            readable(path)
        except UNREADABLE as error:
            _put_aside(path, str(error))


def _put_aside(path: Path, why: str) -> None:
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    path.replace(aside)
    reason = why.splitlines()[0] if why else "unreadable"
    log.warning("%s is damaged (%s); it is now %s and is made again.", path, reason, aside.name)
