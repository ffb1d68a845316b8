"""The parts of a result about differential privacy: what a training proves, and what attackers prove of it."""

from privattack.results.part import Figure, Part


class Privacy(Part):
    """What a training proves of the privacy of each of the images that it learnt from.

    Attributes:
        epsilon: None where nothing is proved, as without noise.
        noise_multiplier: the noise's standard deviation over the clipping norm `clip`.
        sample_rate: with which probability an image was in the batch of each of the `steps`.
    """

    epsilon: float | None
    delta: float
    accountant: str
    noise_multiplier: float
    clip: float
    sample_rate: float
    steps: int


class Bound(Part):
    """A lower bound on epsilon; all of an audit hold at once with 95 % confidence.

    Attributes:
        gaussian: whether it holds for Gaussian mechanisms alone, and so says nothing of other trainings.
        ceiling: what an attacker who errs nowhere would have proved.
        canaries: among how many the guesses were made.
        trials: guesses about canaries of one model, or models that learnt one canary or not.
        right: how many of them were.
        thresholds: how the threshold was chosen: `corrected` for the number of those tried, or on a `held_out` half.
    """

    attacker: str
    method: str
    gaussian: bool
    epsilon: float
    ceiling: float
    delta: float
    canaries: int
    trials: int
    right: int
    thresholds: str


class CanaryAudit(Part):
    """What attackers made of canaries.

    Attributes:
        count: how many there were.
        learnt: how many of them the target learnt, or the first of several.
        attackers: how well each attacker tells those that were learnt, by name and metric.
    """

    count: int
    learnt: int
    attackers: dict[str, dict[str, Figure]]
    bounds: list[Bound]
