"""The short table at the end of a run."""

from pathlib import Path
from typing import Any

from privattack.report.published import PUBLISHED, SETTINGS, comparable, headline


def percent(measurement: dict[str, Any], *, interval: bool = True) -> str:
    """Return a share as per cent, with its interval: `89.66 [88.9, 90.4]`."""
    if measurement["value"] is None:
        return "-"
    text = f"{100 * measurement['value']:.2f}"
    if interval:
        text += f" [{100 * measurement['low']:.1f}, {100 * measurement['high']:.1f}]"
    return text


def table(result: dict[str, Any], folder: Path) -> str:
    """Return attack, defence, each attacker's figure with the published one beside it, seconds and place."""
    run, target = result["run"], result["target"]
    success, published = PUBLISHED.get((run["attack"], run["defence"]), ("", None))
    rows = [("attack", "defence", "attacker", "figure", "% [95 % interval]", "sd", "published", "seconds")]
    for attacker in result["attackers"]:
        name = headline(attacker["metrics"])
        figure = attacker["metrics"][name]
        beside = attacker["knowledge"] == "published" and name == success and published is not None
        rows.append(
            (
                run["attack"],
                run["defence"],
                attacker["name"],
                name,
                percent(figure),
                f"{100 * figure['sd']:.2f}" if figure.get("sd") is not None else "-",
                f"{100 * published:.2f}" if beside and published is not None else "-",
                f"{result['timings']['attack_seconds']:.2f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    if success and not comparable(run):
        settings = " ".join(f"{name}={value}" for name, value in SETTINGS[run["attack"]].items())
        lines.append(f"(published with {settings})")
    origin = "trained now" if target["trained"] else "not trained in this run"
    repetitions = run["repetitions"]
    lines += [
        "",
        f"target: {percent(target['test_accuracy'])} % test accuracy, {origin}; "
        f"{run['budget']} queries, {repetitions} repetition{'s' if repetitions > 1 else ''}, seed {run['seed']}",
        *(f"finding: {sentence}" for sentence in result["findings"]),
        f"files: {folder}",
    ]
    return "\n".join(lines)
