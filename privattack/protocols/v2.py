"""The Open Inference Protocol, version 2, of KServe, Triton, MLServer and OpenVINO: JSON, and its binary extension.

https://github.com/kserve/open-inference-protocol, and Triton's `extension_binary_data.md` for the tensors that follow
the JSON as raw little-endian bytes. Requests and answers have one form: tensors under `inputs` or `outputs`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np

from privattack.protocols.base import JSON, Array, Headers, Protocol, ProtocolError, numbers, read, write

LENGTH = "inference-header-content-length"
TYPES = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}
Side = Literal["inputs", "outputs"]
Rest = Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """What a request or an answer says.

    Attributes:
        tensors: by name.
        rest: everything else of its JSON, such as `id`.
    """

    tensors: Mapping[str, Array]
    rest: Rest = field(default_factory=dict)


def encode(message: Message, side: Side, *, binary: bool) -> tuple[bytes, Headers]:
    """Return a body and its headers.

    Args:
        binary: whether the tensors follow the JSON as raw bytes.
    """
    described, raw = [], []
    for name, array in message.tensors.items():
        kind = NAMES[array.dtype.newbyteorder("<")]
        tensor: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": kind}
        if binary:
            raw.append(np.ascontiguousarray(array, dtype=TYPES[kind]).tobytes())
            tensor["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            tensor["data"] = array.ravel().tolist()
        described.append(tensor)
    header = write({**message.rest, side: described})
    if not binary:
        return header, JSON
    return b"".join([header, *raw]), {"Content-Type": "application/octet-stream", LENGTH: str(len(header))}


def decode(body: bytes, headers: Headers, side: Side) -> Message:
    """Return what a body says.

    Args:
        headers: by their names in lower case.

    Raises:
        ProtocolError: the body is none of this protocol.
    """
    length = headers.get(LENGTH, str(len(body)))
    if not length.isascii() or not length.isdigit() or int(length) > len(body):
        raise ProtocolError(f"{LENGTH}: {length[:20]} is no length within a body of {len(body)} bytes")
    content, rest = read(body[: int(length)]), body[int(length) :]
    described = content.get(side) if isinstance(content, dict) else None
    if not isinstance(described, list):
        raise ProtocolError(f"the JSON has no list of {side}")
    tensors = {}
    for tensor in described:
        name, shape, kind = _described(tensor)
        size = (tensor.get("parameters") or {}).get("binary_data_size")
        if size is None:
            tensors[name] = _from_list(tensor.get("data"), name, shape, kind)
        else:
            expected = prod(shape) * np.dtype(TYPES[kind]).itemsize
            if type(size) is not int or size != expected or size > len(rest):
                raise ProtocolError(f"{name}: {expected} bytes are needed for {kind} of shape {shape}")
            tensors[name], rest = np.frombuffer(rest[:size], dtype=TYPES[kind]).reshape(shape), rest[size:]
    return Message(tensors, {key: value for key, value in content.items() if key != side})


def _described(tensor: Any) -> tuple[str, list[int], str]:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("parameters") or {}, dict):
        raise ProtocolError("a tensor is an object with name, shape and datatype")
    name, shape, kind = tensor.get("name"), tensor.get("shape"), tensor.get("datatype")
    if not isinstance(name, str):
        raise ProtocolError("a tensor has no name")
    if not isinstance(shape, list) or not all(type(one) is int and 0 <= one < 2**31 for one in shape):
        raise ProtocolError(f"{name}: the shape is no list of lengths")
    if not isinstance(kind, str) or kind not in TYPES:
        raise ProtocolError(f"{name}: datatype {str(kind)[:20]} is none of {', '.join(TYPES)}")
    return name, shape, kind


def _truths(data: Any, name: str) -> Array:
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ProtocolError(f"the data of {name} are ragged") from error
    if array.size and array.dtype.kind != "b":
        raise ProtocolError(f"the data of {name} are no truths")
    return array


def _from_list(data: Any, name: str, shape: Sequence[int], kind: str) -> Array:
    array = _truths(data, name) if kind == "BOOL" else numbers(data, f"the data of {name}")
    if array.size != prod(shape):
        raise ProtocolError(f"{name}: {array.size} numbers came for the shape {list(shape)}")
    if kind == "UINT64" and array.dtype.kind == "f" and all(type(one) is int and one >= 0 for one in data):
        array = np.array(data, dtype=np.uint64)  # which NumPy would make floats of
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(TYPES[kind]).reshape(shape)


class Asked(NamedTuple):
    """Which outputs a request asks for, none for all, and whether as raw bytes."""

    names: Sequence[str]
    binary: bool


def outputs_asked(rest: Rest) -> Asked:
    """Return which outputs a request wants. Raises ProtocolError where it does not say it as the protocol does."""
    listed = rest.get("outputs") or []
    if not isinstance(listed, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in listed
    ):
        raise ProtocolError("the outputs are no list of objects with a name")
    every = [rest.get("parameters"), *(one.get("parameters") for one in listed)]
    parameters = [one for one in every if isinstance(one, dict)]
    binary = any(one.get("binary_data") is True or one.get("binary_data_output") is True for one in parameters)
    return Asked([one["name"] for one in listed], binary)


class V2(Protocol):
    """A client of one model.

    Args:
        model, version: as the API calls them; None for the version that it chooses.
        input: the name of the tensor of images.
        output: the name of the tensor to read; None for all, of which the first is read.
        binary: whether the API takes and gives raw bytes.
    """

    def __init__(
        self, *, model: str, version: str | None = None, input: str, output: str | None = None, binary: bool = False
    ) -> None:
        self.path = f"/v2/models/{model}" + (f"/versions/{version}" if version else "") + "/infer"
        self.input = input
        self.output = output
        self.binary = binary

    def request(self, images: Array) -> tuple[bytes, Headers]:
        wanted: dict[str, Any] = {"parameters": {"binary_data_output": True}} if self.binary else {}
        if self.output is not None:
            asked = {"name": self.output} | ({"parameters": {"binary_data": True}} if self.binary else {})
            wanted = {"outputs": [asked]}
        return encode(Message({self.input: images}, wanted), "inputs", binary=self.binary)

    def answer(self, body: bytes, headers: Headers) -> Array:
        tensors = decode(body, headers, "outputs").tensors
        wanted = self.output or next(iter(tensors), "at all")
        if wanted not in tensors:
            raise ProtocolError(f"the answer has no output {wanted}; it has {', '.join(tensors) or 'none'}")
        return tensors[wanted]
