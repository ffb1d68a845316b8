"""How well scores tell members from non-members, in plots: ROC curves, and histograms of the scores."""

from collections.abc import Sequence

from privattack.report.drawing import Axis, Curve, Panel, Plot
from privattack.report.looks import COIN, LOOKS, leaders, looks_of
from privattack.results.collect import Finished, Histogram
from privattack.results.figures import FEW, ranked
from privattack.results.naming import label, varying

ROC_HEIGHT = 400  # pixels


def rocs(runs: Sequence[Finished]) -> list[Panel]:
    """Return ROC curves, both axes logarithmic, with the diagonal of a coin; a panel per run.

    Of many attackers the best have names, in the order of their curves at a low rate; the others are pale.
    """
    panels, looks = [], looks_of(runs)
    for title, run in _titled([run for run in runs if run.rocs]):
        # Below one false positive among the non-members, half of the candidates, there is nothing to see.
        judged = max(attacker.figure().n for attacker in run.result.attackers)
        floor = max(1e-4, 2 / max(judged, 2))
        seen = leaders([run])
        curves = []
        for name in [one.name for one in ranked(run.result.attackers) if one.name in run.rocs]:
            points = [
                (fpr, tpr)
                for fpr, tpr in zip(run.rocs[name].fpr, run.rocs[name].tpr, strict=True)
                if fpr >= floor and tpr > 0
            ]
            if points:
                x, y = zip(*points, strict=True)
                curves.append(Curve(name, x, y, looks[name], markers=6, pale=name not in seen))
        curves.append(Curve("coin", [floor, 1], [floor, 1], COIN, markers=0))
        across, along = (
            Axis(f"{kind} positive rate", log=True, percent=True, limits=(floor, 1.1)) for kind in ("false", "true")
        )
        # Below the diagonal there is room.
        plot = Plot(across, along, curves, names="lower right", height=ROC_HEIGHT)
        words = "ROC of each attacker, both axes logarithmic, with the diagonal"
        panels.append(Panel(title, words, plot, large=True, picture="roc"))
    return panels


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
            for group, counts, look in (
                ("members", histogram.members, LOOKS["adaptive"]),
                ("non-members", histogram.nonmembers, LOOKS["published"]),
            ):
                x, y = _stairs(histogram, counts)
                curves.append(Curve(group, x, y, look, markers=0, filled=group == "members"))
            across, along = Axis("score (higher: more likely a member)"), Axis("share of images", percent=True)
            plot = Plot(across, along, curves, names="upper right")
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
