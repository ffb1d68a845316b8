"""Claims of a model's owner, such as "AUC at most 0.55", and what a result says of them."""

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from privattack.measurement import Measurement
from privattack.results.figures import QUERYING, WORDS, widened, worded
from privattack.results.privacy import at_most, ceiling, proved, strongest, told_apart
from privattack.results.result import Checked, Result

MANY = 100  # times the images, or targets, above which a figure lies on the bound itself
OF_THE_SERVICE = ("test_accuracy", "labels_changed", "l1", "calibration")

State = Literal["holds", "refuted", "undecided"]


class Claim(BaseModel):
    """A bound on a figure.

    Attributes:
        metric: `epsilon` of differential privacy; or of attackers, such as `auc`, `tpr_at_fpr_0.01`, `accuracy`,
            `fidelity`; or of what honest users get: `test_accuracy`, `labels_changed`, `l1`, `calibration`.
        at_most, at_least: the bound; one of them.
        attacker: whose figure; that of every attacker who queries, where it is left out.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    metric: str = Field(min_length=1)
    at_most: float | None = None
    at_least: float | None = None
    attacker: str | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> "Claim":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("needs at_most or at_least, one of them")
        return self

    @property
    def bound(self) -> float:
        """The bound's number."""
        (bound,) = (one for one in (self.at_most, self.at_least) if one is not None)
        return bound

    def __str__(self) -> str:
        whose = f"{self.attacker}'s " if self.attacker else ""
        side = "least" if self.at_most is None else "most"
        return f"{whose}{WORDS.get(self.metric, self.metric)} at {side} {self.bound:g}"


def check_claims(result: Result, claims: Sequence[Claim]) -> list[Checked]:
    """Say of each claim whether the result bears it out.

    A claim holds where the intervals of all attackers that it is about lie within the bound, and is refuted where one
    lies beyond it. The intervals are widened by how many attackers there are (Bonferroni), for the strongest decides.
    """
    return [_check(result, claim) for claim in claims]


def _check(result: Result, claim: Claim) -> Checked:
    return (_check_epsilon if claim.metric == "epsilon" else _check_figures)(result, claim)


def _check_epsilon(result: Result, claim: Claim) -> Checked:
    """An attacker may refute a claim of privacy; no attacker bears it out, only a proof."""
    bound, proof = strongest(result), proved(result)
    if claim.at_most is None:
        return _checked(claim, "undecided", f"{claim}: undecided, for a claim of privacy is an at_most.")
    attacked = "this run does not measure it, for it has too few canaries, or none"
    proves = "nothing" if proof is None else at_most(proof)
    if bound is not None:
        refuted = bound.epsilon > claim.at_most
        least, most = told_apart(bound.epsilon, claim.at_most if refuted or proof is None else proof)
        attacked = (
            f"{bound.attacker} ({bound.method}) proves at least {least}, and no attacker could have proved more than "
            f"{at_most(ceiling(result))}"
        )
        if refuted:
            return _checked(claim, "refuted", f"{claim}: refuted; {attacked}.")
        if proof is not None and bound.epsilon > proof:
            said = f"{claim}: undecided; the training's proof of {most} is wrong, for {attacked}."
            return _checked(claim, "undecided", said)
    if proof is not None and proof <= claim.at_most:
        return _checked(claim, "holds", f"{claim}: holds; the training proves {proves}, and {attacked}.")
    return _checked(claim, "undecided", f"{claim}: undecided; the training proves {proves}, and {attacked}.")


def _check_figures(result: Result, claim: Claim) -> Checked:
    figures = _figures(result, claim)
    given = {name: widened(one, len(figures)) for name, one in figures.items() if one.given}
    if not given:
        why = next((str(one.why) for one in figures.values()), "this run does not measure it")
        return _checked(claim, "undecided", f"{claim}: undecided, for it has no figure: {why}.")
    # As if every bound were an upper one: an interval's nearer and farther end.
    sign = 1 if claim.at_most is not None else -1
    ends = {name: sorted((sign * one.known.low, sign * one.known.high)) for name, one in given.items()}
    beyond = [name for name, (near, _) in ends.items() if near > sign * claim.bound]
    reaching = [name for name, (_, far) in ends.items() if far > sign * claim.bound]
    state: State = "refuted" if beyond else "undecided" if reaching else "holds"
    decisive = max(beyond or reaching or given, key=lambda name: sign * given[name].known.value)
    wide = given[decisive]
    missing = [name for name, one in figures.items() if not one.given]
    if state == "holds" and missing:
        state = "undecided"
    said = f"{claim}: {state}; {decisive}{_among(len(figures))} has {worded(wide, claim.metric)}"
    if state == "undecided":
        said += (
            f"; {missing[0]} has no figure" if missing else f"; {_what_it_takes(wide, claim.bound, result.run.targets)}"
        )
    return _checked(claim, state, f"{said}.")


def _figures(result: Result, claim: Claim) -> dict[str, Measurement]:
    """Return the figures that a claim is about, by whose they are."""
    if claim.metric in OF_THE_SERVICE:
        return {"the service": getattr(result.service, claim.metric)}
    named = [one for one in result.attackers if one.name == claim.attacker]
    return {
        one.name: one.metrics[claim.metric]
        for one in (named if claim.attacker else result.having(*QUERYING))
        if claim.metric in one.metrics
    }


def _among(attackers: int) -> str:
    return f", of {attackers} attackers the one that decides," if attackers > 1 else ""


def _what_it_takes(measured: Measurement, bound: float, targets: int | None) -> str:
    """Say how much more would decide, as half-widths shrink by the square root of what is measured on."""
    value, low, high = measured.known
    away, half = abs(value - bound), (high - value if bound > value else value - low)
    factor = (half / away) ** 2 if away else math.inf
    if factor > MANY:
        return "the figure lies so near to the bound that more images would hardly decide"
    count, unit = (targets, "targets") if targets else (measured.n, "images")
    return f"about {factor:.1f} times as many {unit} ({math.ceil(factor * count):,}) would decide"


def _checked(claim: Claim, state: State, said: str) -> Checked:
    return Checked(claim=str(claim), state=state, said=said)


def exit_status(checked: Sequence[Checked]) -> int:
    """Return what a command that checks claims exits with: 3 where one is refuted, 4 where one is undecided, else 0."""
    states = {one.state for one in checked}
    return 3 if "refuted" in states else 4 if "undecided" in states else 0
