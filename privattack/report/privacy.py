"""Audits by canaries: what trainings claim against what attackers prove, and privacy against accuracy."""

from collections.abc import Sequence
from itertools import cycle, product

from privattack.report.cells import Cell, Line, Table, number, percent
from privattack.report.drawing import Axis, Curve, Dot, Panel, Plot
from privattack.report.looks import COIN, LOOKS, MARKERS
from privattack.results.privacy import Standing, at_least, at_most, ceiling, standings
from privattack.results.result import Result

METRICS = {"tpr_at_fpr_0.01": "TPR at 1 % FPR", "tpr_at_fpr_0.001": "TPR at 0.1 % FPR", "auc": "AUC"}


def plots(results: Sequence[Result]) -> list[Panel]:
    """Return, for runs that differ in the defence alone, claims against proofs, and privacy against accuracy."""
    panels = []
    for title, group in standings(results).items():
        panels += [_claims(title, [one for one in group if one.private])] if any(one.private for one in group) else []
        if len(group) > 1:
            found = [_costs(title, group, rate, canaries) for canaries, rate in product((True, False), METRICS)]
            panels += [panel for panel in found if panel.plot.dots]
    return panels


def _claims(title: str, group: Sequence[Standing]) -> Panel:
    finite = [one.claim for one in group if one.claim is not None]
    endless = 4 * max(finite, default=1.0)  # where the axis has the claim of a training without noise
    ordered = sorted(group, key=lambda one: one.claim or endless)
    claims = [one.claim or endless for one in ordered]
    curves = [
        Curve("ceiling", claims, [ceiling(one.result) for one in ordered], LOOKS["blind"]),
        Curve("attackers prove", claims, [one.bound.epsilon for one in ordered], LOOKS["adaptive"]),
    ]
    if finite:
        curves.insert(0, Curve("claim", sorted(finite), sorted(finite), COIN, markers=0))
    ticks = {claim: "none" if claim == endless else f"{claim:.3g}" for claim in claims}
    plot = Plot(Axis("epsilon that is claimed", log=True, ticks=ticks), Axis("epsilon"), curves)
    described = (
        "the epsilon that each training claims, and what attackers prove at least; a bound above the claim refutes it, "
        "and none can lie above the ceiling"
    )
    return Panel(f"{title}: claimed and proved", described, plot, large=True)


def _costs(title: str, group: Sequence[Standing], metric: str, canaries: bool) -> Panel:
    where, words = "canaries" if canaries else "other images", METRICS[metric]
    shown = [(one, one.success(metric, canaries=canaries)) for one in group]
    shown = [(one, success) for one, success in shown if success.given and one.accuracy.given]
    shapes = dict(zip(dict.fromkeys(one.result.run.defence for one in group), cycle(MARKERS), strict=False))
    dots = [
        Dot(
            one.name, one.accuracy, success,
            LOOKS["adaptive" if one.private else "blind"]._replace(marker=shapes[one.result.run.defence]),
        )
        for one, success in shown
    ]  # fmt: skip
    line = sorted((one.accuracy.known.value, success.known.value) for one, success in shown if one.private)
    x, y = zip(*line, strict=True) if line else ((), ())
    curves = [Curve("DP-SGD", x, y, COIN, markers=0)] if len(line) > 1 else []
    plot = Plot(
        Axis("accuracy that honest users see", percent=True), Axis(f"best attacker's {words}", percent=metric != "auc"),
        curves, dots, names="dots", height=360,
    )  # fmt: skip
    described = f"{words} of the best attacker on {where} against accuracy; DP-SGD is blue, and the line to beat"
    return Panel(f"{title}: {words} on {where} against accuracy", described, plot, large=True)


def tables(results: Sequence[Result]) -> list[Table]:
    """Return a table for runs that differ in the defence alone."""
    titles = [
        "Defence", "Epsilon claimed", "Attackers prove at least", "Could have proved at most",
        *(f"{words}, {where}" for where in ("canaries", "other images") for words in METRICS.values()),
        "Honest users' accuracy",
    ]  # fmt: skip
    return [
        Table(
            f"{title}, privacy", f"{title}: rates in %, all of the best attacker.", titles, [_row(one) for one in group]
        )
        for title, group in standings(results).items()
    ]


def _row(one: Standing) -> list[Cell]:
    bound = one.bound
    how = f"{bound.attacker}, {bound.method}, {bound.right} of {bound.trials} right, thresholds {bound.thresholds}"
    return [
        one.name,
        "nothing" if one.claim is None else at_most(one.claim),
        [Line(at_least(bound.epsilon)), Line(how, small=True)],
        at_most(ceiling(one.result)),
        *(
            (number if metric == "auc" else percent)(one.success(metric, canaries=canaries))
            for canaries, metric in product((True, False), METRICS)
        ),
        percent(one.accuracy),
    ]
