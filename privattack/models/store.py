"""The store of trained models: each is trained once, whoever asks, and never used damaged.

    <store>/<fingerprint>/recipe.json          everything that made the model, and so its address, with checksums of
                                               the others and what the training took; written last
                          weights.safetensors
                          outputs.safetensors  what the model answered where it is asked again and again
                          history.csv          its training
            unfinished/<fingerprint>/training.ckpt
            claims/<fingerprint>/              who is training it

A model's folder is written whole elsewhere and then renamed. The fingerprint is a hash of the recipe: a model in
another's folder is not taken for the other. Nothing that is loaded could run code. (Models stored by earlier versions
have no checksum of their history, and are served without one.)
"""

import csv
import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from privattack.atomic_write import settle, write_whole
from privattack.errors import UserError
from privattack.models import leases
from privattack.models.damaged import DAMAGED, set_aside

NAME = "[0-9a-f]" * 16  # of a model; what else is there has other names
MODELS = f"{NAME}/recipe.json"
GONE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


@dataclass(frozen=True)
class StoredModel:
    """A trained model as it lies in the store: no code, only tensors and the training's course.

    Attributes:
        cost: what the training took, such as `seconds`; no part of the model.
    """

    weights: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    cost: Mapping[str, float | str] = field(default_factory=dict)


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that change with anything in `recipe` (which must be JSON)."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]


class ModelStore:
    """A folder of trained models, shared by any number of processes on any number of machines."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()

    def absolute(self) -> "ModelStore":
        """Return the same store for processes that work in another folder."""
        return ModelStore(self.folder.absolute())

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
            return self.find(recipe) or trained, True  # another's, where this process was thought dead

    def find(self, recipe: Mapping[str, Any]) -> StoredModel | None:
        """Return the model of `recipe`, its outputs mapped into memory, or None where it is not there whole.

        Raises:
            UserError: a file cannot be read.
        """
        found = self._read(folder := self.folder / fingerprint(recipe), put_aside=False)
        if found is not None:
            with suppress(OSError):  # as where nothing may be written
                os.utime(folder)  # the older, the sooner pruned
        return found

    def __str__(self) -> str:
        return str(self.folder)

    def holds(self, name: str) -> bool:
        """Say whether a model of this fingerprint is there; whether it is whole, `find` says."""
        return (self.folder / name / "recipe.json").exists()

    def costs(self) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Yield the recipe of each model that is there, and what its training took."""
        for path in self.folder.glob(MODELS):
            with suppress(OSError, *DAMAGED):  # told when the model is used
                facts = json.loads(path.read_text())
                yield facts["recipe"], facts.get("cost", {})

    def owner_of(self, name: str) -> leases.Owner | None:
        """Return who is training a model; None where nobody is."""
        return leases.owner_of(self.folder / "claims" / name)

    def publish(self, written: Path, name: str) -> None:
        """Let every process find a model, by a folder that holds it, unless another has trained it, too."""
        settle(written)
        try:
            written.rename(self.folder / name)
        except OSError as error:
            if error.errno not in leases.OCCUPIED and not ModelStore.holds(self, name):
                raise
            # This process was thought dead, or a network file system has renamed it, and says that it was not there.
            shutil.rmtree(written, ignore_errors=True)
        settle(self.folder)

    @contextmanager
    def claim(self, recipe: Mapping[str, Any], *, wait: bool = True) -> Iterator["Claim | None"]:
        """Keep every other process from training the model of `recipe` meanwhile.

        Where another process is at it: wait until it is done, or with `wait=False` yield None.

        Raises:
            UserError: the folder cannot be written.
        """
        name = fingerprint(recipe)
        folder, unfinished = self.folder / name, self.folder / "unfinished" / name
        claim = leases.FolderLease(self.folder / "claims" / name)
        with self._writing():
            held = claim.take(wait=wait)
        if not held:
            yield None
            return
        try:
            with self._writing():
                stored = self._read(folder, put_aside=True)
                if stored is None:
                    _clear(folder, unfinished)
            yield Claim(self, recipe, stored, unfinished / "training.ckpt", claim.held)
        finally:
            claim.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"store={self}: the folder cannot be written ({error.strerror or error}); "
                "set store to a folder where you may write."
            ) from error

    def _read(self, folder: Path, *, put_aside: bool) -> StoredModel | None:
        try:
            if not (folder / "recipe.json").exists():
                return None
            facts = json.loads((folder / "recipe.json").read_text())
            if (address := fingerprint(facts["recipe"])) != folder.name:
                raise ValueError(f"it holds the model {address}")
            files = {name: folder / f"{name}.safetensors" for name in ("weights", "outputs")}
            for name, path in {**files, "history": folder / "history.csv"}.items():
                with path.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                if facts["sha256"].get(name, found if name == "history" else None) != found:
                    raise ValueError(f"{path.name} is not what was written")
            with (folder / "history.csv").open(newline="") as file:
                history = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
            cost = facts.get("cost", {})
            return StoredModel(load_file(files["weights"]), load_file(files["outputs"]), history, cost)
        except (*GONE, *DAMAGED) as error:
            if put_aside:
                set_aside(folder, str(error))
            return None
        except OSError as error:
            raise UserError(
                f"store={self}: {error.filename or folder} cannot be read ({error.strerror or error}); "
                "set store to a folder that you may read."
            ) from error


def _clear(folder: Path, unfinished: Path) -> None:
    """Make room for a training, which goes on from what a killed one has left."""
    if folder.is_dir():  # earlier versions trained there
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(exist_ok=True)
        folder.rename(unfinished)
    unfinished.mkdir(parents=True, exist_ok=True)
    for written in unfinished.glob(".*"):
        shutil.rmtree(written) if written.is_dir() else written.unlink()


@dataclass(frozen=True)
class Claim:
    """The right to train one model.

    Attributes:
        stored: the model, where another process trained it meanwhile.
        checkpoint: where the training may keep what it needs to go on; a killed process may have left it there.
        held: says whether this process still has the claim.
    """

    store: ModelStore
    recipe: Mapping[str, Any]
    stored: StoredModel | None
    checkpoint: Path
    held: Callable[[], bool]

    def keep(self, model: StoredModel) -> None:
        """Put the trained model into the store.

        Raises:
            UserError: the folder cannot be written.
        """
        with self.store._writing():
            written = self.checkpoint.with_name(f".{uuid.uuid4().hex}")
            written.mkdir(parents=True)
            _write(written, model, self.recipe)
            self.store.publish(written, fingerprint(self.recipe))
            with suppress(OSError):  # the model is kept, whatever cannot be asked or removed
                if self.held():  # otherwise another may go on from it
                    self.checkpoint.unlink(missing_ok=True)
                self.checkpoint.parent.rmdir()  # but for damaged checkpoints


def _write(folder: Path, model: StoredModel, recipe: Mapping[str, Any]) -> None:
    history = io.StringIO()
    writer = csv.DictWriter(history, list(model.history[0]) if model.history else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(model.history)
    contents = {"weights.safetensors": _bytes(model.weights), "outputs.safetensors": _bytes(model.outputs)}
    contents["history.csv"] = history.getvalue().encode()
    for name, content in contents.items():
        write_whole(folder / name, content)
    sums = {name.split(".")[0]: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    facts = {"recipe": recipe, "sha256": sums, "torch": torch.__version__, "cost": model.cost}
    write_whole(folder / "recipe.json", json.dumps(facts, indent=1).encode())


def _bytes(tensors: Mapping[str, Tensor]) -> bytes:
    return save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()})
