"""What every protocol is, and how images and answers travel in JSON."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic_core import from_json, to_json

Headers = Mapping[str, str]
Array = np.ndarray
JSON = {"Content-Type": "application/json"}


class ProtocolError(Exception):
    """A message is not what its protocol says; one sentence tells what came."""


@dataclass(frozen=True)
class Layout:
    """How pixels in [0, 1] become the numbers that a model API takes.

    Attributes:
        order: of an image's dimensions; `flat` is one row of channels x height x width numbers.
        largest: what a white pixel is sent as, such as 255.
        mean, std: taken out of pixels in [0, 1], a number per channel or one for all; none where `std` is empty.
    """

    order: Literal["nchw", "nhwc", "flat"] = "nchw"
    largest: float = 1.0
    mean: Sequence[float] = ()
    std: Sequence[float] = ()

    def encode(self, pixels: Array) -> Array:
        """Return float32 numbers for pixels `(n, c, h, w)`."""
        if self.std:
            pixels = (pixels - _per_channel(self.mean)) / _per_channel(self.std)
        if self.largest != 1:
            pixels = pixels * np.float32(self.largest)
        if self.order == "nhwc":
            pixels = pixels.transpose(0, 2, 3, 1)
        elif self.order == "flat":
            pixels = pixels.reshape(len(pixels), -1)
        return np.ascontiguousarray(pixels, dtype=np.float32)


def _per_channel(numbers: Sequence[float]) -> Array:
    return np.asarray(numbers, dtype=np.float32).reshape(-1, 1, 1)


class Protocol(ABC):
    """What a client sends about a batch of images, and how it reads the answer.

    Attributes:
        path: where requests go, below the address of the API.
    """

    path: str

    @abstractmethod
    def request(self, images: Array) -> tuple[bytes, Headers]:
        """Return the body and the headers of a request.

        Args:
            images: n of them, as the API takes them.
        """

    @abstractmethod
    def answer(self, body: bytes, headers: Headers) -> Array:
        """Return what an answer says: a row of numbers per image, or one label per image.

        Raises:
            ProtocolError: it says nothing of the kind.
        """


def read(body: bytes) -> Any:
    """Return what JSON says. Raises ProtocolError where it is none."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise ProtocolError(f"the body is no JSON ({error})") from error


def write(content: Any) -> bytes:
    """Return JSON; numbers read again are the same to the last bit."""
    return to_json(content, inf_nan_mode="constants")


def numbers(values: Any, what: str) -> Array:
    """Return nested lists of numbers as an array. Raises ProtocolError where they are none, or of no one shape.

    Args:
        what: names them in a sentence.
    """
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError) as error:  # ragged, or beyond every type
        raise ProtocolError(f"{what} are no array of numbers") from error
    if array.dtype.kind not in "iuf":
        raise ProtocolError(f"{what} are no array of numbers")
    return array
