"""Any other API that speaks JSON: a template for the request, a path into the answer."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from privattack.errors import UserError
from privattack.protocols.base import JSON, Array, Headers, Protocol, ProtocolError, numbers, read, write


class Template(Protocol):
    """A client whose user says what the JSON looks like.

    Args:
        path: see `Protocol`.
        request: JSON in which the text `"$images"` stands for a list of images as lists of numbers, and `"$pngs"` for
            a list of images as PNG in base64, eight bits per channel; `"$image"` and `"$png"` for a single image.
        answer: the way to the list of answers: names and positions with full stops between them, `*` for all of a
            list, as in `results.*.scores`.

    Attributes:
        single: whether a request has a place for one image.
        pictures: whether images are sent as PNG, from pixels in [0, 1].

    Raises:
        UserError: the template is no JSON, or has no place for images.
    """

    def __init__(self, *, path: str, request: str, answer: str) -> None:
        self.path = path
        self.steps = [step for step in answer.split(".") if step]
        try:
            self.template = read(request.encode())
        except ProtocolError as error:
            raise UserError(f"victim.request={request}: is no JSON; write a template such as {EXAMPLE}.") from error
        places = {name for name in ("$image", "$png", "$images", "$pngs") if f'"{name}"' in request}
        self.single = not places.isdisjoint({"$image", "$png"})
        self.pictures = not places.isdisjoint({"$png", "$pngs"})
        if not places:
            raise UserError(f"victim.request={request}: has no place for images; write a template such as {EXAMPLE}.")

    def request(self, images: Array) -> tuple[bytes, Headers]:
        return write(_filled(self.template, images)), JSON

    def answer(self, body: bytes, headers: Headers) -> Array:
        found = numbers(_at(read(body), self.steps), "the answers")
        return found[None] if self.single and found.ndim < 2 else found


EXAMPLE = '{"instances": "$images"}'


def _filled(template: Any, images: Array) -> Any:
    match template:
        case dict():
            return {name: _filled(value, images) for name, value in template.items()}
        case list():
            return [_filled(value, images) for value in template]
        case "$images":
            return images.tolist()
        case "$image":
            return images[0].tolist()
        case "$pngs":
            return [_png(image) for image in images]
        case "$png":
            return _png(images[0])
    return template


def _png(image: Array) -> str:
    """Return an image `(c, h, w)`, pixels in [0, 1], as a PNG in base64: rounded to eight bits."""
    file, rows = io.BytesIO(), np.rint(image * 255).astype(np.uint8)
    Image.fromarray(rows[0] if len(rows) == 1 else rows.transpose(1, 2, 0)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _at(content: Any, steps: Sequence[str]) -> Any:
    """Follow a path into JSON."""
    if not steps:
        return content
    step, *rest = steps
    if step == "*" and isinstance(content, list):
        return [_at(one, rest) for one in content]
    try:
        return _at(content[int(step) if isinstance(content, list) else step], rest)
    except (LookupError, TypeError, ValueError) as error:
        names = ", ".join(map(str, content)) if isinstance(content, dict) else f"a {type(content).__name__}"
        raise ProtocolError(f"the answer has no {step}; it has {names[:200]}") from error
