"""The short table at the end of a run."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from privattack.findings.verdict import verdict
from privattack.measurement import Measurement
from privattack.results.figures import LOW_RATE, has_many, plain, ranked
from privattack.results.naming import count, option
from privattack.results.result import Attacker, Result, Target
from privattack.results.study import SETTINGS, comparable, deviations, study

Row = dict[str, str]
WIDTH = 118  # of the verdict's frame


def with_interval(measurement: Measurement) -> str:
    """Return a share as per cent, with its interval: `89.66 [88.9, 90.4]`."""
    if not measurement.given:
        return "-"
    value, low, high = (100 * figure for figure in measurement.known)
    return f"{value:.2f} [{low:.1f}, {high:.1f}]"


def box(result: Result) -> str:
    """Return the verdict, its long lines folded, in a frame."""
    said = verdict([result])
    caveat = [f"But: {said.caveat}"] if said.caveat else []
    lines = [part for line in [*said.lines, *caveat] for part in wrap(line, WIDTH, subsequent_indent="  ")]
    return "\n".join(["-" * WIDTH, *lines, "-" * WIDTH])


def table(result: Result, folder: Path) -> str:
    """Return a row per attacker, of many the best first, then what the target was, the findings and the place."""
    run, target = result.run, result.target
    attackers = ranked(result.attackers) if has_many(result) else result.attackers
    lines = _aligned([_row(result, attacker) for attacker in attackers])
    if study(run)[1] is not None and not comparable(run):
        settings = SETTINGS[run.attack] | deviations(run)
        lines.append(f"(published with {' '.join(f'{name}={value}' for name, value in settings.items())})")
    lines += _curves(attackers)
    origin = "trained now" if target.trained else "not trained in this run"
    number, unit = (run.targets, "target") if run.targets else (run.repetitions, "repetition")
    images = result.service.images
    asked = f"{images} of {run.budget}" if images < run.budget else str(images)
    lines += [
        "",
        f"target: {with_interval(target.test_accuracy)} % test accuracy{_on_members(target)}, {origin}; "
        f"{asked} queries, {number} {unit}{'s' if number > 1 else ''}, seed {run.seed}",
    ]
    if shadow := result.shadow:
        lines.append(
            f"shadow models: {shadow.count}, {shadow.trained} trained now; "
            f"{with_interval(shadow.test_accuracy)} % test accuracy, {with_interval(shadow.train_accuracy)} % on their "
            f"{count(shadow.train_accuracy.n)} members each"
        )
    lines += [f"claim: {one.said}" for one in result.claims]
    return "\n".join([*lines, *(f"finding: {sentence}" for sentence in result.findings), f"files: {folder}"])


def _on_members(target: Target) -> str:
    learnt = target.train_accuracy
    return f", {with_interval(learnt)} % on its {count(learnt.n)} members" if learnt.given else ", members unknown"


def _curves(attackers: Sequence[Attacker]) -> list[str]:
    """Return a line per attacker with the headline at each budget: `adaptive fidelity: 100 71.2, 300 83.0 %`."""
    lines = []
    for attacker in attackers:
        if attacker.curve:
            name = attacker.headline
            points = ((point.budget, point.metrics[name].value) for point in attacker.curve)
            shown = (f"{count(budget)} {'-' if value is None else f'{100 * value:.1f}'}" for budget, value in points)
            lines.append(f"{attacker.name} {name}: {', '.join(shown)} %")
    return ["", *lines] if lines else []


def _row(result: Result, attacker: Attacker) -> Row:
    run, metrics = result.run, attacker.metrics
    name = attacker.headline
    success = metrics[name]
    row = {
        "attack": run.attack,
        "defence": option(run, "defence") or "",
        "attacker": attacker.name,
        "figure": name,
        "% [95 % interval]": with_interval(success),
        "sd": f"{100 * success.sd:.2f}" if success.sd is not None else "-",
    }
    if "auc" in metrics:
        row |= {
            "AUC": plain(metrics["auc"]) if metrics["auc"].given else "-",
            "% TPR at 1 % FPR": with_interval(attacker.figure(LOW_RATE)),
        }
    if any(one.knowledge == "published" for one in result.attackers):
        metric, published = study(run)
        beside = attacker.knowledge == "published" and name == metric
        row["published"] = f"{100 * published:.2f}" if beside and published is not None else "-"
    return row | {"seconds": f"{result.timings['attack_seconds']:.2f}"}


def _aligned(rows: Sequence[Row]) -> list[str]:
    names = list(rows[0])
    cells = [names, *([row[name] for name in names] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
