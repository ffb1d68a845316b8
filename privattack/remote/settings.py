"""The settings of a victim behind somebody's API."""

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from privattack.checks import Count, Few, PathText, Positive, checked
from privattack.errors import SettingError
from privattack.protocols.base import Layout

Url = Annotated[
    str,
    Field(
        pattern=r"^https?://[^\s/@?#]+(/[^\s?#]*)?$",
        description="an address such as http://localhost:8000, without a password",
    ),
]
Numbers = Annotated[list[float], Field(description="a list of numbers, one per channel")]
Names = Annotated[dict[str, str], Field(description="names of headers, each with that of an environment variable")]


@checked
class Settings:
    """How a victim behind somebody's API is asked.

    Args:
        url: of the API.
        consent: the user confirms that they may test it.
        protocol: `v2` (KServe, Triton, MLServer, OpenVINO, `privattack.serve`), `mlflow`, `tensorflow` or `json`.
        model, version: as the API calls them.
        input, output: names of tensors; null for the first that the API names.
        binary: whether `v2` sends raw bytes; null for where the API announces it.
        path, request, answer: of `json`; see `protocols.template`.
        layout: `nchw`, `nhwc` or `flat`.
        range: what a white pixel is sent as.
        mean, std: taken out of pixels from 0 to 1; empty for none.
        answers: `logits`, `log_probabilities`, `probabilities` or `label`; null for what the first query tells.
        headers_from_env: headers, each with the environment variable that holds its value.
        batch_size: images of a request.
        concurrency: requests at a time, at most.
        rate: images in a second at most; null for any number.
        price: money for a thousand images.
        timeout: seconds for which an answer is waited for.
        retries: how often a request is sent again where the server is busy or the connection breaks.
        transcript: the file of what was asked and answered, on a local disk.
        resend: whether what was under way when a run was killed is sent again.
        offline: whether the transcript alone is asked: nothing is sent.
        judge_images: how many images of the test part the judge asks about; null for all.
        send_members: whether images that the model was trained on may be sent.

    Raises:
        SettingError: consent is missing, or an environment variable.
    """

    def __init__(
        self,
        *,
        url: Url,
        consent: bool = False,
        protocol: Literal["v2", "mlflow", "tensorflow", "json"] = "v2",
        model: str | None = None,
        version: str | None = None,
        input: str | None = None,
        output: str | None = None,
        binary: bool | None = None,
        path: str = "/",
        request: str | None = None,
        answer: str | None = None,
        layout: Literal["nchw", "nhwc", "flat"] = "nchw",
        range: Positive = 1.0,
        mean: Numbers | None = None,
        std: Numbers | None = None,
        answers: Literal["logits", "log_probabilities", "probabilities", "label"] | None = None,
        headers_from_env: Names | None = None,
        batch_size: Few = 64,
        concurrency: Annotated[int, Field(ge=1, le=256)] = 4,
        rate: Positive | None = None,
        price: Positive | None = None,
        timeout: Positive = 60.0,
        retries: Annotated[int, Field(ge=0, le=100)] = 8,
        transcript: PathText = "outputs/transcript.sqlite",
        resend: bool = False,
        offline: bool = False,
        judge_images: Count | None = 1_000,
        send_members: bool = False,
    ) -> None:
        if not consent:
            raise SettingError({"consent": consent}, "confirm that you may test this API by consent=true")
        if (mean is None) != (std is None) or 0 in (std or []):
            raise SettingError({"mean": mean, "std": std}, "need a number per channel each, no std of 0; or null")
        self.url = url
        self.protocol = protocol
        self.model = model
        self.version = version
        self.input = input
        self.output = output
        self.binary = binary
        self.path = path
        self.request = request
        self.answer = answer
        self.layout = layout
        self.range = range
        self.mean: Sequence[float] = mean or ()
        self.std: Sequence[float] = std or ()
        self.images = Layout(layout, range, tuple(self.mean), tuple(self.std))
        self.answers = answers
        self.headers = _headers(headers_from_env or {})
        self.batch_size = batch_size
        self.concurrency = concurrency
        self.rate = rate
        self.price = price
        self.timeout = timeout
        self.retries = retries
        self.transcript = transcript
        self.resend = resend
        self.offline = offline
        self.judge_images = judge_images
        self.send_members = send_members


def _headers(variables: Mapping[str, str]) -> Mapping[str, str]:
    for header, variable in variables.items():
        if variable not in os.environ:
            raise SettingError({f"headers_from_env.{header}": variable}, "is no environment variable; set it")
        value = os.environ[variable]
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise SettingError(
                {f"headers_from_env.{header}": variable},
                "holds what no header may: a line break, a space at an end, or no ASCII",
            )
    return {header: os.environ[variable] for header, variable in variables.items()}
