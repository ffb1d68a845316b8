"""What `result.json` holds: one type for each of its parts, by which it is written and read."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from privattack.atomic_write import write_whole
from privattack.measurement import Measurement
from privattack.results.part import Figure, Part
from privattack.results.proofs import CanaryAudit, Privacy

# What made a job fail may be a list, or whatever else was typed.
Typed = Annotated[int | str, BeforeValidator(lambda value: value if type(value) is int else str(value))]


class Job(Part):
    """What was to be run: the options chosen by name, and all composed settings in `config`.

    Attributes:
        nonmembers: None for an extraction.
        pool: where an extraction's queries come from; None for other attacks, and in results from before it was one.
        targets: how many models are attacked in the target's place; None where it is the target itself.
    """

    attack: str
    defence: str
    data: str
    nonmembers: str | None
    pool: str | None = None
    seed: Typed
    budget: Typed
    repetitions: Typed
    targets: int | None = None
    config: dict[str, Any]


class Run(Job):
    """What was run."""

    seed: int
    budget: int
    repetitions: int


class Failed(Part):
    """What `failure.json` holds: the run that a job would have been, and why it was not, in one sentence."""

    run: Job
    why: str


class Target(Part):
    """The target, or the mean of those attacked in its place.

    Attributes:
        trained: whether this run trained it; otherwise it came from the store.
        fingerprint: of all that made it.
        chance: what always naming the most frequent class of the test part reaches; None in older results.
        privacy: None where its training proves nothing.
    """

    train_accuracy: Figure
    test_accuracy: Figure
    trained: bool
    fingerprint: str
    classes: int = Field(10, ge=2)
    chance: float | None = None
    privacy: Privacy | None = None


class Service(Part):
    """What one repetition asked of the service, and what the defence costs honest users.

    Attributes:
        rounds: in how many calls; None in older results.
        money: what the images cost; None where `price` is not set.
        test_accuracy: of the defended answers.
        labels_changed: share of the test images whose label the defence changes.
        l1: mean distance between defended and true probabilities, from 0 to 2.
        calibration: expected calibration error of the defended answers, from 0 to 1; missing in older results, and
            where only a look into the model would tell.
    """

    images: int
    unique_images: int | None = None
    refused: int | None = None
    rounds: int | None = None
    money: float | None = None
    test_accuracy: Figure
    labels_changed: Figure
    l1: Figure
    calibration: Figure = Measurement.missing(0, "nobody measured it")


class Remote(Part):
    """What was sent to a victim behind a network, by all repetitions and the judge: three counts that differ.

    Attributes:
        asked: images that attacks and judge asked about.
        requests: how often something was sent, repeats after errors included.
        sent: images that were sent, and may have been charged; the others lay in the transcript.
        judge: images that the first query and the judge asked about.
        money: what the images sent cost; None where no price is set.
    """

    asked: int
    requests: int
    sent: int
    judge: int
    money: float | None


class Pool(Part):
    """The query pool: its size, and how many of the images that surrogates are judged by lie in it."""

    images: int
    judged_by: int


class Copied(Part):
    """The surrogate that an inference was run on, beside the target."""

    fidelity: Figure
    accuracy: Figure


class Shadow(Part):
    """The shadow models: how many, how many of them this run trained, their mean accuracies, and where they lie."""

    count: int
    trained: int
    train_accuracy: Figure
    test_accuracy: Figure
    fingerprints: list[str] = Field(default_factory=list)  # none in results of earlier versions


class Asked(Part):
    """How many images an inference with shadow models had: in the pool, asked about, and public."""

    pool: int
    candidates: int
    public: int


class Pair(Part):
    """Of the members found by either of two attacks, the share found by both; None where neither finds any."""

    first: str
    second: str
    jaccard: float | None


class Found(Part):
    """What attacks find at a false positive rate `fpr` each.

    Attributes:
        attackers: the share of the members that each finds, by name.
        any: the share found by one of them or more.
        any_fpr: the share of the non-members accused by one of them or more.
    """

    fpr: float
    attackers: dict[str, Figure]
    any: Figure
    any_fpr: Figure
    pairs: list[Pair]


class Exposed(Part):
    """A member that attacks find at a false positive rate of 1 %.

    Attributes:
        image: its name in `scores.csv.gz`.
        targets: how many of the attacked targets, or repetitions, had it as a member.
        found: the share of those in which each attack finds it, by name.
        picture: a PNG in base64; None for images that PNG does not know.
    """

    image: str
    label: int
    targets: int
    found: dict[str, float]
    picture: str | None


class Watching(Part):
    """What a monitor saw.

    Attributes:
        alarms: the share of the attackers' sessions that raised the alarm.
        queries: after how many queries each of those did.
        false_alarms: the share of honest clients who raised it, with `client_images` test images each.
        microseconds: what it takes for an image, its defence included.
    """

    alarms: Figure
    queries: list[int]
    false_alarms: Figure
    client_images: int
    microseconds: float


class Checked(Part):
    """A claim, whether the run bears it out, and why in one sentence."""

    claim: str
    state: Literal["holds", "refuted", "undecided"]
    said: str


# The figures that attackers are compared by, image by image: a table of its own beside `result.json`.
Compared = Annotated[dict[str, Any], Field(exclude=True, repr=False)]


class Point(Part):
    """An attacker's success at one of several budgets."""

    budget: int
    metrics: dict[str, Figure] = Field(min_length=1)
    compared: Compared = Field(default_factory=dict)


class Attacker(Part):
    """One attacker's success over all repetitions, by metric; at each budget in `curve`, where there are several."""

    name: str
    knowledge: Literal["published", "adaptive", "blind", "no_query"]
    metrics: dict[str, Figure] = Field(min_length=1)
    curve: list[Point] = Field(default_factory=list)
    compared: Compared = Field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The name of the metric that the study would call an attacker's success."""
        return "fidelity" if "fidelity" in self.metrics else "accuracy"

    def figure(self, metric: str | None = None) -> Measurement:
        """Return a measurement, that of the headline by default; a missing one where there is none."""
        return self.metrics.get(metric or self.headline, Measurement.missing(0, "not measured"))


class Result(Part):
    """All that a run came to. Parts that only some attacks have are left out, or None, in the results of others.

    Attributes:
        timings: in seconds, and one in microseconds, by name.
        versions: of this program, Python and PyTorch.
    """

    schema_: Literal[1] = Field(1, alias="schema")
    run: Run
    target: Target
    service: Service
    remote: Remote | None = None
    pool: Pool | None = None
    copied: Copied | None = Field(None, alias="copy")
    shadow: Shadow | None = None
    audit: Asked | None = None
    found: Found | None = None
    canaries: CanaryAudit | None = None
    watching: Watching | None = None
    exposed: list[Exposed] = Field(default_factory=list)
    claims: list[Checked] = Field(default_factory=list)
    attackers: list[Attacker]
    findings: list[str]
    timings: dict[str, float]
    versions: dict[str, str]

    @classmethod
    def from_json(cls, text: str | bytes) -> "Result":
        """Return the result that a `result.json` holds. Raises ValueError where it is damaged or of another schema."""
        return cls.model_validate_json(text)

    def to_json(self) -> str:
        """Return the text of a `result.json`, which is strict JSON."""
        return self.model_dump_json(indent=2, by_alias=True, exclude_unset=True)

    def write(self, folder: Path) -> None:
        """Write `result.json` into a folder, whole or not at all."""
        write_whole(folder / "result.json", self.to_json().encode() + b"\n")

    @property
    def is_extraction(self) -> bool:
        """Whether the attack trained surrogates of the target; otherwise it looked for members."""
        return any("fidelity" in attacker.metrics for attacker in self.attackers)

    def having(self, *knowledge: str) -> list[Attacker]:
        """Return the attackers of some knowledge."""
        return [one for one in self.attackers if one.knowledge in knowledge]
