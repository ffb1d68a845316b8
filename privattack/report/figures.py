"""The page's plots, small ones each with a title of its own. A section without data has no panels."""

import itertools
from collections.abc import Sequence

from privattack.report.collect import Histogram, Run
from privattack.report.drawing import (
    INK,
    LOOKS,
    REFERENCE,
    TOP,
    Panel,
    attackers_of,
    empty_plot,
    error_of,
    label_ends,
    label_points,
    line_of,
    log_range,
    show_legend,
)
from privattack.report.results import Measurement, best, figure, given, is_extraction, label, varying

QUERYING = ("published", "adaptive")
SHAPES = ("circle", "square", "diamond", "triangle-up", "x", "star", "pentagon", "triangle-down")


def against_budget(runs: Sequence[Run]) -> list[Panel]:
    """Return success and accuracy against budget, a panel for all that differs in nothing else."""
    panels = []
    for title, group in alike(runs, besides=("budget",)):
        ordered = sorted(group, key=lambda run: run.result["run"]["budget"])
        if len({run.result["run"]["budget"] for run in ordered}) < 2:
            continue
        names = ("fidelity", "accuracy_unqueried") if is_extraction(ordered[0].result) else ("accuracy", "auc")
        for name in names:
            panels.append(_budget_panel(f"{title}: {name.replace('_', ', ')}", name, ordered))
    return panels


def _budget_panel(title: str, metric: str, runs: Sequence[Run]) -> Panel:
    plot = empty_plot("queries (log scale)", metric.replace("_", ", "))
    ends = []
    for name, look in attackers_of(runs).items():
        points = [
            (run.result["run"]["budget"], figure(attacker, metric))
            for run in runs
            for attacker in run.result["attackers"]
            if attacker["name"] == name and given(figure(attacker, metric))
        ]
        if not points:
            continue
        budgets, figures = [budget for budget, _ in points], [one for _, one in points]
        values = [one["value"] for one in figures]
        band = [one["high"] for one in figures] + [one["low"] for one in reversed(figures)]
        plot.add_scatter(
            x=[*budgets, *reversed(budgets)], y=band, fill="toself", fillcolor=look.colour, opacity=0.15,
            line_width=0, mode="lines", hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        plot.add_scatter(x=budgets, y=values, mode="lines+markers", name=name, **line_of(look))
        ends.append((values[-1], name, look.colour))
    asked = sorted({run.result["run"]["budget"] for run in runs})
    if metric == "auc" or not is_extraction(runs[0].result):
        plot.add_hline(y=0.5, line=REFERENCE)
        ends.append((0.5, "coin", INK))
    elif metric == "accuracy_unqueried":
        target = runs[0].result["target"]["test_accuracy"]["value"]
        plot.add_hline(y=target, line=REFERENCE)
        ends.append((target, "target", INK))
    label_ends(plot, ends)
    plot.update_xaxes(type="log", tickvals=asked, ticktext=[f"{budget:,}" for budget in asked])
    plot.update_yaxes(range=[-0.02, 1.04], tickformat=".0%" if metric != "auc" else ".1f")
    plot.update_layout(margin_r=80)
    return Panel(title, f"{metric} against the number of queries, with 95 % intervals as bands", plot)


def rocs(runs: Sequence[Run]) -> list[Panel]:
    """Return ROC curves, both axes logarithmic, with the diagonal of a coin; a panel per run."""
    panels = []
    for title, run in _titled([run for run in runs if run.rocs]):
        # Below one false alarm among the non-members, half of the candidates, there is nothing to see.
        judged = max(figure(attacker)["n"] for attacker in run.result["attackers"])
        floor = max(1e-4, 2 / max(judged, 2))
        plot = empty_plot("false positive rate (log)", "true positive rate (log)")
        plot.add_scatter(
            x=[floor, 1], y=[floor, 1], mode="lines", name="coin",
            line=REFERENCE,
        )  # fmt: skip
        for name, look in attackers_of([run]).items():
            if name not in run.rocs:
                continue
            points = [
                (fpr, tpr)
                for fpr, tpr in zip(run.rocs[name].fpr, run.rocs[name].tpr, strict=True)
                if fpr >= floor and tpr > 0
            ]
            if not points:
                continue
            x, y = zip(*points, strict=True)
            drawn = line_of(look)
            # A marker here and there: the curve has many points.
            drawn["marker"]["maxdisplayed"] = 6
            plot.add_scatter(x=x, y=y, mode="lines+markers", name=name, **drawn)
        plot.update_xaxes(type="log", range=log_range(floor), dtick=1, tickformat=".3~%")
        plot.update_yaxes(type="log", range=log_range(floor), dtick=1, tickformat=".3~%")
        show_legend(plot)
        panels.append(Panel(title, "ROC of each attacker, both axes logarithmic, with the diagonal", plot))
    return panels


def histograms(runs: Sequence[Run]) -> list[Panel]:
    """Return how the scores of members and of non-members are spread; a panel per attacker of a run."""
    panels = []
    for title, run in _titled([run for run in runs if run.histograms]):
        for name, histogram in run.histograms.items():
            plot = empty_plot("score (higher: more likely a member)", "share of images")
            for group, counts, dash, colour in (
                ("members", histogram.members, "solid", LOOKS["adaptive"].colour),
                ("non-members", histogram.nonmembers, "dash", LOOKS["published"].colour),
            ):
                x, y = _stairs(histogram, counts)
                plot.add_scatter(
                    x=x, y=y, name=group, mode="lines", line={"color": colour, "dash": dash, "width": 2},
                    fill="tozeroy" if dash == "solid" else None, fillcolor="rgba(29, 78, 216, 0.12)",
                )  # fmt: skip
            plot.update_yaxes(tickformat=".0%", rangemode="tozero")
            show_legend(plot)
            words = f"scores of the {name} attacker for members and non-members"
            panels.append(Panel(f"{title}: {name}".removeprefix(": "), words, plot))
    return panels


def _stairs(histogram: Histogram, counts: Sequence[float]) -> tuple[list[float], list[float]]:
    total = sum(counts) or 1
    x, y = [histogram.low[0]], [0.0]
    for low, high, count in zip(histogram.low, histogram.high, counts, strict=True):
        x += [low, high]
        y += [count / total] * 2
    return [*x, x[-1]], [*y, 0.0]


def privacy_against_utility(runs: Sequence[Run]) -> list[Panel]:
    """Return the best attacker's success against what honest users get: a point per defence.

    Of the runs of a defence, the one in which the attack does best.
    """
    panels = []
    queried = [run for run in runs if best(run.result, *QUERYING) is not None]
    for title, group in alike(queried, besides=("defence", "budget", "seed", "repetitions")):
        strongest: dict[str, Run] = {}
        for run in group:
            name = run.result["run"]["defence"]
            if name not in strongest or _success(run)["value"] > _success(strongest[name])["value"]:
                strongest[name] = run
        if len(strongest) < 2:
            continue
        metric = "fidelity" if is_extraction(group[0].result) else "accuracy"
        for cost, short, words, tickformat in (
            ("test_accuracy", "users' accuracy", "accuracy that honest users see", ".0%"),
            ("l1", "distortion", "L1 distance to the true probabilities", ".1f"),
        ):
            plot = empty_plot(words, f"best attacker's {metric}")
            points = []
            for shape, (name, run) in zip(itertools.cycle(SHAPES), strongest.items()):
                paid, success = run.result["service"][cost], _success(run)
                if not given(paid):
                    continue
                plot.add_scatter(
                    x=[paid["value"]], y=[success["value"]], name=name, mode="markers",
                    marker={"symbol": shape, "size": 11, "color": LOOKS["adaptive"].colour},
                    error_x=error_of(paid), error_y=error_of(success),
                )  # fmt: skip
                points.append((paid["value"], success["value"], name))
            label_points(plot, points, width=0.6 if cost == "l1" else 0.2)
            plot.update_xaxes(tickformat=tickformat, **({"range": [-0.4, 2.3]} if cost == "l1" else {}))
            plot.update_yaxes(tickformat=".0%", range=[-0.02, TOP], tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1])
            described = f"{metric} of the best attacker of each defence against {words}"
            panels.append(Panel(f"{title}: {metric} against {short}".removeprefix(": "), described, plot))
    return panels


def _success(run: Run) -> Measurement:
    attacker = best(run.result, *QUERYING)
    # Such runs are left out before.
    assert attacker is not None
    return figure(attacker)


def alike(runs: Sequence[Run], *, besides: tuple[str, ...]) -> list[tuple[str, list[Run]]]:
    """Group runs that differ in nothing `besides` some settings, by a title that says in what groups differ."""
    names = varying(run.result["run"] for run in runs)
    shown = ["attack", *(name for name in names if name not in (*besides, "attack"))]
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(label(run.result["run"], shown), []).append(run)
    return list(groups.items())


def _titled(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    names = varying(run.result["run"] for run in runs)
    return [(label(run.result["run"], ["attack", "defence", *names]), run) for run in runs]
