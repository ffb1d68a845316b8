"""The checkpoint of an unfinished training: gone on from where it is whole and the same model's, else put aside."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from privattack.atomic_write import write_whole
from privattack.models.damaged import DAMAGED, set_aside
from privattack.models.fitting import Training


class Checkpoint:
    """Keeps after every epoch what a training needs to go on, in one file.

    Args:
        path: where a killed process may have left such a file, in its model's own folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, training: Training) -> None:
        keep(
            self.path,
            {
                "epoch": training.epoch,
                "history": training.history,
                "network": training.network.state_dict(),
                "optimiser": training.optimiser.state_dict(),
                "scheduler": training.scheduler and training.scheduler.state_dict(),
                "extra": training.extra,
            },
        )

    def resume(self, training: Training) -> None:
        """Set a training to where the file was left, if there is one that can be gone on from."""
        found = kept(self.path, training.network, weights="network")
        if found is None:
            return
        training.epoch, training.history = found["epoch"], found["history"]
        training.extra = found.get("extra", {})
        training.network.load_state_dict(found["network"])
        training.optimiser.load_state_dict(found["optimiser"])
        if training.scheduler is not None:
            training.scheduler.load_state_dict(found["scheduler"])


def keep(path: Path, state: dict[str, Any]) -> None:
    """Write the state of a training, and the address of its model: the name of the folder. The format has checksums."""
    path.parent.mkdir(parents=True, exist_ok=True)  # gone where this process was thought dead
    content = io.BytesIO()
    torch.save({**state, "address": path.parent.name}, content)
    write_whole(path, content.getvalue())


def kept(path: Path, network: nn.Module, *, weights: str, prefix: str = "") -> dict[str, Any] | None:
    """Return what `keep` wrote; None where it wrote nothing, or nothing of this kind, or what is there is put aside.

    Args:
        network: what is trained, to be compared with.
        weights: under which name its weights are kept.
        prefix: what is before each of their own names.
    """
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if (part := archive.testzip()) is not None:
                raise ValueError(f"{part} is not what was written")
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if found["address"] != path.parent.name:
            raise ValueError(f"it is of the model {found['address']}")
        if weights not in found:
            return None
        if _shapes(found[weights]) != {prefix + name: shape for name, shape in _shapes(network.state_dict()).items()}:
            raise ValueError("its weights have other shapes")
        optimiser = found.get("optimiser", found.get("optimizer_states"))  # ours, or Lightning's
        if not all(tensor.isfinite().all() for tensor in _tensors([found[weights], optimiser])):
            raise ValueError("it holds numbers that are not finite")
    except DAMAGED as error:
        set_aside(path, str(error))
        return None
    return found


def _shapes(state: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}


def _tensors(node: Any) -> Iterator[Tensor]:
    if isinstance(node, Tensor):
        yield node
    elif isinstance(node, dict | list):
        for one in node.values() if isinstance(node, dict) else node:
            yield from _tensors(one)
