"""Weights that the user has trained, from a file of theirs."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from privattack.errors import UserError
from privattack.models.store import UNREADABLE


def load_checkpoint(network: nn.Module, path: Path) -> str:
    """Load the user's weights into `network` and return their md5.

    Raises:
        UserError: there is no such file, it holds no state dict, or one of another network.
    """
    setting = f"target.checkpoint={path}"
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"{setting}: there is no such file; give the path of a .safetensors or .pth file.") from error
    except UNREADABLE as error:
        raise UserError(
            f"{setting}: the file is damaged or holds no plain weights; "
            "give a .safetensors file or what torch.save(network.state_dict(), path) wrote."
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(
            f"{setting}: the file holds no state dict; give what torch.save(network.state_dict(), path) wrote."
        )
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if expected != found:
        name = min((name for name in {*expected, *found} if expected.get(name) != found.get(name)), key=str)
        raise UserError(
            f"{setting}: the weights are of another network than {type(network).__name__}: {name} is "
            f"{found.get(name, 'missing')} in the file and {expected.get(name, 'missing')} in the network; "
            "choose the target that the weights were trained with."
        )
    network.load_state_dict(dict(state))
    return hashlib.md5(path.read_bytes()).hexdigest()
