"""Lists of instances and of predictions in JSON: MLflow's `/invocations`, and TensorFlow Serving's REST API."""

from typing import Any

from privattack.protocols.base import JSON, Array, Headers, Protocol, ProtocolError, numbers, read, write


class Instances(Protocol):
    """A client of an API that takes a list under one name and answers a list under `predictions`.

    Args:
        path: see `Protocol`.
        inputs: the name of the list of images.
        output: where a prediction has several parts, the name of the one to read.
    """

    def __init__(self, path: str, *, inputs: str, output: str | None = None) -> None:
        self.path = path
        self.inputs = inputs
        self.output = output

    def request(self, images: Array) -> tuple[bytes, Headers]:
        return write({self.inputs: images.tolist()}), JSON

    def answer(self, body: bytes, headers: Headers) -> Array:
        content = read(body)
        predictions = content.get("predictions") if isinstance(content, dict) else None
        if isinstance(predictions, dict) and self.output is not None:
            predictions = predictions.get(self.output)
        if not isinstance(predictions, list):
            raise ProtocolError("the answer has no list of predictions")
        return numbers([self._prediction(one) for one in predictions], "the predictions")

    def _prediction(self, one: Any) -> Any:
        if not isinstance(one, dict):
            return one
        return list(one.values()) if self.output is None else one.get(self.output)


def mlflow(*, output: str | None = None) -> Instances:
    """Return a client of `mlflow models serve`."""
    return Instances("/invocations", inputs="inputs", output=output)


def tensorflow(*, model: str, version: str | None = None, output: str | None = None) -> Instances:
    """Return a client of TensorFlow Serving, or of OpenVINO's server in its place."""
    place = f"/v1/models/{model}" + (f"/versions/{version}" if version else "")
    return Instances(f"{place}:predict", inputs="instances", output=output)


def decode_instances(body: bytes) -> Array:
    """Return the images that a request holds, under `instances` or `inputs`. Raises ProtocolError."""
    content = read(body)
    for name in ("instances", "inputs"):
        if isinstance(content, dict) and name in content:
            return numbers(content[name], f"the {name}")
    raise ProtocolError("the JSON has no list of instances")


def encode_predictions(answers: Array) -> bytes:
    """Return an answer with a prediction per image."""
    return write({"predictions": answers.tolist()})
