"""Weights that the user has trained, from a file of theirs."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from privattack.errors import UserError
from privattack.models.damaged import DAMAGED

# Where training programs, Lightning among them, keep the weights among other things.
LAYOUTS = ("state_dict", "model_state_dict", "model", "network", "net")
NAMED = 6  # layers that a sentence has room for

State = Mapping[str, Tensor]


def load_checkpoint(network: nn.Module, path: Path) -> str:
    """Load the user's weights into `network` and return their md5.

    The file holds a state dict, alone or under a key such as `state_dict`. A prefix that all its names share, such as
    Lightning's `network.` or DistributedDataParallel's `module.`, is left out where the rest is the network's.

    Raises:
        UserError: there is no such file, it holds no state dict, or one of another network or of other numbers.
    """
    setting, path = f"target.checkpoint={path}", path.expanduser()
    expected = network.state_dict()
    state = _own_names(_read(path, setting), expected, setting, type(network).__name__)
    for name, tensor in state.items():
        if why := _unusable(tensor, expected[name]):
            raise UserError(
                f"{setting}: {name} holds {why}, where the network has plain {_kind(expected[name])} numbers; save the "
                "weights as they were trained."
            )
    network.load_state_dict(dict(state))
    return hashlib.md5(path.read_bytes()).hexdigest()


def _read(path: Path, setting: str) -> State:
    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"{setting}: there is no such file; give the path of a .safetensors or .pth file.") from error
    except OSError as error:
        raise UserError(
            f"{setting}: cannot be read ({error.strerror or error}); give a file that you may read."
        ) from error
    except DAMAGED as error:
        raise UserError(
            f"{setting}: the file is damaged or holds no plain weights; "
            "give a .safetensors file or what torch.save(network.state_dict(), path) wrote."
        ) from error
    layouts = [found[key] for key in LAYOUTS if isinstance(found, Mapping) and isinstance(found.get(key), Mapping)]
    state = layouts[0] if layouts else found
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise UserError(
            f"{setting}: the file holds no state dict; give what torch.save(network.state_dict(), path) wrote."
        )
    return state


def _own_names(state: State, expected: State, setting: str, network: str) -> State:
    """Return the weights by the network's own names."""
    first = next(iter(expected), "")
    prefixes = {name.removesuffix(first) for name in state if f".{name}".endswith(f".{first}")}
    fitting = [prefix for prefix in sorted(prefixes) if _shapes(_below(state, prefix)) == _shapes(expected)]
    if len(fitting) == 1:
        return _below(state, fitting[0])
    if fitting:
        raise UserError(
            f"{setting}: the file holds the weights of several such networks ({', '.join(fitting)}); save those of one."
        )
    longest = max(prefixes, key=lambda prefix: (len(_below(state, prefix)), prefix), default="")
    found, wanted = _shapes(_below(state, longest)), _shapes(expected)
    name = min(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    layers = [f"{layer} {shape}" for layer, shape in wanted.items()]
    more = f" and {len(layers) - NAMED} more" if len(layers) > NAMED else ""
    raise UserError(
        f"{setting}: the weights are of another network than {network}: {name} is {found.get(name, 'missing')} in the "
        f"file and {wanted.get(name, 'missing')} in the network, which expects {', '.join(layers[:NAMED])}{more}; "
        "choose the target that the weights were trained with."
    )


def _below(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _unusable(found: Tensor, expected: Tensor) -> str | None:
    """Say what is wrong with the numbers of a tensor; None where they can be loaded."""
    if found.is_meta:
        return "no numbers (device meta)"
    if found.is_quantized:
        return "quantised numbers"
    if found.layout is not torch.strided:
        return "a sparse tensor"
    return None if _kind(found) == _kind(expected) else f"{_kind(found)} numbers"


def _kind(tensor: Tensor) -> str:
    if tensor.is_complex():
        return "complex"
    if tensor.is_floating_point():
        return "floating-point"
    return "boolean" if tensor.dtype is torch.bool else "integer"
