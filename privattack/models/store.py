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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from privattack.atomic_write import write_whole
from privattack.errors import UserError

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
    """A folder of trained models, shared by any number of processes."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def obtain(self, recipe: Mapping[str, Any], train: Callable[[Path], StoredModel]) -> tuple[StoredModel, bool]:
        """Return the model of `recipe` and whether it had to be trained now.

        `train` is called at most once over all processes. It gets the path where it keeps its checkpoint;
        where a killed process left one, the file is there.

        Raises:
            UserError: the folder cannot be written.
        """
        stored = self.find(recipe)
        if stored is not None:
            return stored, False
        with self.claim(recipe) as claim:
            assert claim is not None
            if claim.stored is not None:
                return claim.stored, False
            trained = train(claim.checkpoint)
            claim.keep(trained)
            return trained, True

    def find(self, recipe: Mapping[str, Any]) -> StoredModel | None:
        """Return the model of `recipe`, its outputs mapped into memory, or None where it is not there whole."""
        return self._read(self.folder / fingerprint(recipe), put_aside=False)

    @contextmanager
    def claim(self, recipe: Mapping[str, Any], *, wait: bool = True) -> Iterator["Claim | None"]:
        """Keep every other process from training the model of `recipe` meanwhile.

        Where another process is at it: wait until it is done, or with `wait=False` yield None.

        Raises:
            UserError: the folder cannot be written.
        """
        folder = self.folder / fingerprint(recipe)
        lock = FileLock(folder.with_suffix(".lock"))
        with self._writing():
            folder.mkdir(parents=True, exist_ok=True)
            held = _acquire(lock, wait=wait)
        if not held:
            yield None
            return
        try:
            with self._writing():
                stored = self._read(folder, put_aside=True)
                folder.mkdir(exist_ok=True)
                checkpoint = folder / "training.ckpt"
                _put_aside_unless(_is_checkpoint, checkpoint)
            yield Claim(self, folder, recipe, stored, checkpoint)
        finally:
            lock.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"store={self.folder}: the folder cannot be written ({error.strerror or error}); "
                "set store to a folder where you may write."
            ) from error

    def _read(self, folder: Path, *, put_aside: bool) -> StoredModel | None:
        if not (folder / "recipe.json").exists():
            return None
        try:
            facts = json.loads((folder / "recipe.json").read_text())
            parts = {}
            for name in ("weights", "outputs"):
                path = folder / f"{name}.safetensors"
                with path.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != facts["sha256"][name]:
                        raise ValueError(f"{path.name} is not what was written")
                parts[name] = load_file(path)
            with (folder / "history.csv").open(newline="") as file:
                history = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
            return StoredModel(parts["weights"], parts["outputs"], history)
        except UNREADABLE as error:
            if put_aside:
                _put_aside(folder, str(error))
            return None


def _acquire(lock: FileLock, *, wait: bool) -> bool:
    try:
        lock.acquire(timeout=1 if wait else 0)
    except Timeout:
        if not wait:
            return False
        log.info("Another process is training this model; waiting for it.")
        lock.acquire()
    return True


@dataclass(frozen=True)
class Claim:
    """The right to train one model.

    Attributes:
        stored: the model, where another process trained it meanwhile.
        checkpoint: where the training may keep what it needs to go on; a killed process may have left it there.
    """

    store: ModelStore
    folder: Path
    recipe: Mapping[str, Any]
    stored: StoredModel | None
    checkpoint: Path

    def keep(self, model: StoredModel) -> None:
        """Put the trained model into the store.

        Raises:
            UserError: the folder cannot be written.
        """
        with self.store._writing():
            _write(self.folder, model, self.recipe)
            self.checkpoint.unlink(missing_ok=True)


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
