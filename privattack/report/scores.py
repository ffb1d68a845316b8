"""How well scores tell members from non-members, in plots: ROC curves, and histograms of the scores."""

import math
from collections.abc import Sequence

from privattack.report.drawing import REFERENCE, Panel, add_area, empty_plot, line_of, show_legend
from privattack.report.looks import LEADERS, LOOKS, leaders, looks_of
from privattack.results.collect import Finished, Histogram
from privattack.results.figures import FEW, ranked
from privattack.results.naming import label, varying

WIDE_HEIGHT = 520  # pixels


def rocs(runs: Sequence[Finished]) -> list[Panel]:
    """Return ROC curves, both axes logarithmic, with the diagonal of a coin; a panel per run.

    Of many attackers the best are seen, the others are one click on the legend away.
    """
    panels, looks = [], looks_of(runs)
    for title, run in _titled([run for run in runs if run.rocs]):
        # Below one false positive among the non-members, half of the candidates, there is nothing to see.
        judged = max(attacker.figure().n for attacker in run.result.attackers)
        floor = max(1e-4, 2 / max(judged, 2))
        plot = empty_plot("false positive rate (log)", "true positive rate (log)")
        plot.add_scatter(x=[floor, 1], y=[floor, 1], mode="lines", name="coin", line=REFERENCE)
        seen = leaders([run])
        for name in [one.name for one in ranked(run.result.attackers) if one.name in run.rocs]:
            points = [
                (fpr, tpr)
                for fpr, tpr in zip(run.rocs[name].fpr, run.rocs[name].tpr, strict=True)
                if fpr >= floor and tpr > 0
            ]
            if not points:
                continue
            x, y = zip(*points, strict=True)
            drawn = line_of(looks[name])
            # A marker here and there: the curve has many points.
            drawn["marker"]["maxdisplayed"] = 6
            visible = True if name in seen else "legendonly"
            plot.add_scatter(x=x, y=y, mode="lines+markers", name=name, visible=visible, **drawn)
        axis = {"type": "log", "range": [math.log10(floor), 0.04], "dtick": 1, "tickformat": ".3~%"}
        plot.update_layout(xaxis=axis, yaxis=axis)
        show_legend(plot)
        wide = len(run.rocs) > LEADERS
        if wide:
            plot.update_layout(height=WIDE_HEIGHT)
        words = "ROC of each attacker, both axes logarithmic, with the diagonal"
        panels.append(Panel(title, words, plot, wide=wide, picture="roc"))
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
            plot = empty_plot("score (higher: more likely a member)", "share of images")
            for group, counts, dash, colour in (
                ("members", histogram.members, "solid", LOOKS["adaptive"].colour),
                ("non-members", histogram.nonmembers, "dash", LOOKS["published"].colour),
            ):
                x, y = _stairs(histogram, counts)
                if group == "members":
                    add_area(plot, x, y, colour, opacity=0.12)
                plot.add_scatter(
                    x=x, y=y, name=group, mode="lines", line={"color": colour, "dash": dash, "width": 2}
                )  # fmt: skip
            plot.update_yaxes(tickformat=".0%", rangemode="tozero")
            show_legend(plot)
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
