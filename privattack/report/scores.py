"""How well scores tell members from non-members, in plots: ROC curves, and histograms of the scores."""

from collections.abc import Sequence

from privattack.report.drawing import Axis, Curve, Panel, Plot
from privattack.report.looks import COIN, LEADERS, LOOKS, Look, leaders, look, looks_of
from privattack.report.plots import alike, by_defence
from privattack.results.collect import Finished, Histogram
from privattack.results.figures import FEW, QUERYING, ranked
from privattack.results.naming import label, varying

ROC_HEIGHT = 400  # pixels


def rocs(runs: Sequence[Finished]) -> list[Panel]:
    """Return ROC curves, both axes logarithmic, with the diagonal of a coin; a panel per run.

    Of many attackers the best have names, in the order of their curves at a low rate; the others are pale. Before runs
    that differ in the defence alone comes a panel of the best attacker on each, of which the best have names, too.
    """
    panels, looks = [], looks_of(runs)
    drawn = [run for run in runs if run.rocs]
    for title, group in alike(drawn, besides=("defence",)):
        if len(behind := by_defence(group)) > 1:
            bests = {}
            for name, (run, *_) in behind.items():
                judged = [one for one in ranked(run.result.having(*QUERYING)) if one.name in run.rocs]
                if judged:
                    bests[name] = (run, judged[0])
            told = ranked([best for _, best in bests.values()])[:LEADERS]
            curves = []
            for number, (name, (run, best)) in enumerate(bests.items()):
                pale = all(best is not one for one in told)
                curves += _curve(f"{name}: {best.name}", run, best.name, look(number), pale=pale)
            panels.append(_roc(f"{title}: the best attacker on each defence", curves, _floor(group)))
    several = bool(panels)
    for title, run in _titled(drawn):
        seen = leaders([run])
        curves = []
        for name in [one.name for one in ranked(run.result.attackers) if one.name in run.rocs]:
            curves += _curve(name, run, name, looks[name], pale=name not in seen)
        panels.append(_roc(title, curves, _floor([run]), folded=several))
    return panels


def _floor(runs: Sequence[Finished]) -> float:
    # Below one false positive among the non-members, half of the candidates, there is nothing to see.
    judged = max(attacker.figure().n for run in runs for attacker in run.result.attackers)
    return max(1e-4, 2 / max(judged, 2))


def _curve(name: str, run: Finished, attacker: str, drawn: Look, *, pale: bool = False) -> list[Curve]:
    """Return an attacker's curve where both rates have a place on a logarithmic axis; none where there is no such."""
    floor, roc = _floor([run]), run.rocs[attacker]
    points = [(fpr, tpr) for fpr, tpr in zip(roc.fpr, roc.tpr, strict=True) if fpr >= floor and tpr > 0]
    if not points:
        return []
    fprs, tprs = zip(*points, strict=True)
    return [Curve(name, fprs, tprs, drawn, markers=6, pale=pale)]


def _roc(title: str, curves: Sequence[Curve], floor: float, *, folded: bool = False) -> Panel:
    diagonal = Curve("coin", [floor, 1], [floor, 1], COIN, markers=0)
    across, along = (
        Axis(f"{kind} positive rate", log=True, percent=True, limits=(floor, 1.1)) for kind in ("false", "true")
    )
    # Below the diagonal there is room.
    plot = Plot(across, along, [*curves, diagonal], names="lower right", height=ROC_HEIGHT)
    words = "ROC of each attacker, both axes logarithmic, with the diagonal"
    return Panel(title, words, plot, folded=folded, large=True, picture="roc")


def histograms(runs: Sequence[Finished]) -> list[Panel]:
    """Return how the scores of members and of non-members are spread; a panel per attacker of a run, the best first.

    Those of many attackers are folded but for the best.
    """
    panels = []
    for title, run in _titled([run for run in runs if run.histograms]):
        names = [one.name for one in ranked(run.result.attackers) if one.name in run.histograms]
        for place, name in enumerate(names):
            histogram = run.histograms[name]
            curves = []
            for group, counts, drawn in (
                ("members", histogram.members, LOOKS["adaptive"]),
                ("non-members", histogram.nonmembers, LOOKS["published"]),
            ):
                x, y = _stairs(histogram, counts)
                curves.append(Curve(group, x, y, drawn, markers=0, filled=group == "members"))
            across, along = Axis("score (higher: more likely a member)"), Axis("share of images", percent=True)
            plot = Plot(across, along, curves, names="above")
            heading = f"{title}: {name}"
            words = f"scores of the {name} attacker for members and non-members"
            seen = place < FEW
            panels.append(Panel(heading, words, plot, folded=not seen, picture="histograms" if seen else ""))
    return panels


def _stairs(histogram: Histogram, counts: Sequence[float]) -> tuple[list[float], list[float]]:
    total = sum(counts) or 1
    x, y = [histogram.low[0]], [0.0]
    for low, high, count in zip(histogram.low, histogram.high, counts, strict=True):
        x += [low, high]
        y += [count / total] * 2
    return [*x, x[-1]], [*y, 0.0]


def _titled(runs: Sequence[Finished]) -> list[tuple[str, Finished]]:
    names = varying(run.result.run for run in runs)
    return [(label(run.result.run, ["attack", "defence", *names]), run) for run in runs]
