"""What OpenAPI says of bodies that FastAPI does not parse: the protocols' own."""

from typing import Any

TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"type": "string", "enum": ["FP32", "FP64", "FP16", "UINT8", "INT64"]},
        "data": {"type": "array", "items": {"type": "number"}},
        "parameters": {"type": "object"},
    },
}
NAMED = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
INFER = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": TENSOR, "minItems": 1, "maxItems": 1},
        "outputs": {"type": "array", "items": NAMED},
        "parameters": {"type": "object"},
    },
}
INSTANCES = {
    "type": "object",
    "required": ["instances"],
    "properties": {"instances": {"type": "array", "items": {"type": "array", "items": {}}, "minItems": 1}},
}
ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
REFUSED = {
    400: "the images are none that the model takes",
    401: "no API key, or a wrong one",
    403: "the budget is spent, or a monitor takes the images for an attack",
    404: "there is no such model",
    409: "the same request is being answered",
    413: "the body is too large",
    422: "the Idempotency-Key belongs to another request",
    429: "too many images in a minute",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of statuses."""
    content = {"application/json": {"schema": ERROR}}
    return {status: {"description": REFUSED[status], "content": content} for status in statuses}


def body(schema: dict[str, Any], *, binary: bool = False) -> dict[str, Any]:
    """Return what OpenAPI says of a request's body."""
    content = {"application/json": {"schema": schema}}
    if binary:
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}
