"""What an API says of itself, and what its first answer proves."""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

from privattack.data.images import LabelledImages
from privattack.errors import SettingError, UserError
from privattack.models.dry_run import IMAGES, Output, dry_run
from privattack.protocols.base import Layout, Protocol
from privattack.protocols.instances import mlflow, tensorflow
from privattack.protocols.template import Template
from privattack.protocols.v2 import V2
from privattack.remote.sender import Sender
from privattack.remote.settings import Settings

log = logging.getLogger(__name__)

LABEL = "label"
BY_CHANCE = 1e-3  # how likely a model that guesses may be right as often
TINY = 1e-7  # the probability of a class that is not named, as `label_only` has it


class Metadata(NamedTuple):
    """What an API says of a model; empty where it says nothing."""

    version: str = ""
    input: str = ""
    output: str = ""
    binary: bool = False


def metadata(sender: Sender, settings: Settings) -> Metadata:
    """Ask an API of the Open Inference Protocol what it says of itself, which costs nothing.

    Raises:
        UserError: it cannot be reached.
    """
    if settings.protocol != "v2":
        return Metadata()
    server, model = (_json(sender, path) for path in ("/v2", f"/v2/models/{settings.model}"))
    versions = model.get("versions")
    return Metadata(
        version=str(versions[-1]) if isinstance(versions, list) and versions else "",
        input=_first_name(model.get("inputs")),
        output=_first_name(model.get("outputs")),
        binary="binary_tensor_data" in (server.get("extensions") or []),
    )


def _json(sender: Sender, path: str) -> dict[str, Any]:
    response = sender.get(path)
    if response.status_code in (401, 403, 429) or (response.status_code >= 500 and response.status_code != 501):
        # It would look like another model, whose answers are not in the transcript.
        raise UserError(
            f"victim.url: {sender.host} answers {path} with status {response.status_code}; try again when it is ready, "
            "or set victim.headers_from_env."
        )
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if response.is_success and isinstance(content, dict) else {}


def _first_name(tensors: Any) -> str:
    first = tensors[0] if isinstance(tensors, list) and tensors else None
    return str(first.get("name", "")) if isinstance(first, dict) else ""


def protocol_of(settings: Settings, told: Metadata) -> Protocol:
    """Return how the API is spoken to.

    Raises:
        UserError: the settings lack something that the protocol needs.
    """
    model, version, output = settings.model or "", settings.version, settings.output
    if settings.protocol in ("v2", "tensorflow") and not model:
        raise UserError(f"victim.model=null: victim.protocol={settings.protocol} needs the model's name at the server.")
    match settings.protocol:
        case "v2":
            binary = told.binary if settings.binary is None else settings.binary
            tensor, output = settings.input or told.input or "input", output or told.output or None
            return V2(model=model, version=version, input=tensor, output=output, binary=binary)
        case "tensorflow":
            return tensorflow(model=model, version=version, output=output)
        case "mlflow":
            return mlflow(output=output)
    if settings.request is None or settings.answer is None:
        raise UserError("victim.protocol=json: needs victim.request, a template, and victim.answer, a path.")
    template = Template(path=settings.path, request=settings.request, answer=settings.answer)
    if template.single and settings.batch_size > 1:
        raise UserError(
            f"victim.batch_size={settings.batch_size}: the template of victim.request takes one image; use 1."
        )
    if template.pictures and settings.images != Layout():
        said = {f"victim.{name}": getattr(settings, name) for name in ("layout", "range", "mean", "std")}
        raise SettingError(said, "a PNG has pixels in an order of its own, from 0 to 255; leave these four out")
    return template


class Told(NamedTuple):
    """What an API's answers are, and how log-probabilities are made of them."""

    kind: str
    log_probabilities: Callable[[np.ndarray], Tensor]


def first_answer(
    ask: Callable[[Tensor], np.ndarray], images: LabelledImages, classes: int, layout: Layout, answers: str | None
) -> Told:
    """Ask about a few images with known labels, and say what the answers are.

    Args:
        answers: what they are, where the user says it.

    Raises:
        UserError: they are of another shape, or no better than a guess, which mostly means that the API takes images
            otherwise.
    """
    few = images.take(torch.linspace(0, len(images) - 1, min(IMAGES, len(images))).long())
    raw = ask(few.pixels())
    if answers == LABEL or (answers is None and raw.shape[1] == 1):
        told = Told(LABEL, lambda labels: _one_hot(labels, classes))
        named = torch.from_numpy(raw[:, 0])
        if raw.shape[1] != 1 or not torch.equal(named, named.round()) or named.min() < 0 or named.max() >= classes:
            raise UserError(
                f"victim.url: answers {raw.shape} numbers from {raw.min():g} to {raw.max():g}; victim.answers=label "
                f"needs one class from 0 to {classes - 1} for each image."
            )
    else:
        kind = dry_run(lambda _: torch.from_numpy(raw), few.pixels(), classes=classes, setting="victim.url").output
        kind = kind if answers is None else Output(answers.replace("_", "-"))
        told = Told(kind.value, lambda said: _as_log_probabilities(kind, said))
    right = int((told.log_probabilities(raw).argmax(dim=1) == few.labels).sum())
    log.info("victim: answers %s; %d of %d images with known labels are named rightly.", told.kind, right, len(few))
    if binom.sf(right - 1, len(few), 1 / classes) > BY_CHANCE:
        raise UserError(
            f"victim.layout={layout.order}: {right} of {len(few)} images with known labels are named rightly, as a "
            "guess would; check victim.layout, victim.range, victim.mean, victim.std, and the order of classes."
        )
    return told


def _as_log_probabilities(kind: Output, said: np.ndarray) -> Tensor:
    answers = torch.from_numpy(said)
    # What is one already stays what it is, to the last bit.
    return answers.float() if kind is Output.LOG_PROBABILITIES else kind.log_probabilities(answers)


def _one_hot(labels: np.ndarray, classes: int) -> Tensor:
    named = torch.from_numpy(labels[:, 0]).long().clamp(0, classes - 1)
    return (torch.nn.functional.one_hot(named, classes).float() + TINY).log()
