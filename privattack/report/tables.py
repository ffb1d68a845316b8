"""The page's tables: attacks and defences side by side, and every run's settings."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from privattack.report.collect import Collection, Failure, Run
from privattack.report.published import PUBLISHED, comparable, headline
from privattack.report.results import (
    Measurement,
    attributes,
    count,
    figure,
    given,
    is_extraction,
    label,
    plain,
    varying,
)

KNOWLEDGE = {
    "published": "Published attack",
    "adaptive": "Adaptive attacker",
    "blind": "Blind attacker",
    "no_query": "No query",
}
COSTS = {"test_accuracy": "Honest users' accuracy", "labels_changed": "Labels changed", "l1": "L1 distance"}
# The second line of a cell, below the headline's.
BESIDE = {"fidelity": ("fidelity_unqueried", "unqueried"), "accuracy": ("auc", "AUC")}
NOTES = {
    True: "Fidelity in %, and below it fidelity on images that were never queried.",
    False: "Accuracy in % (a coin has 50), and below it AUC (a coin has 0.5).",
}


def table(collection: Collection) -> str:
    """Return a table for each kind of attack, with failed jobs as rows that say why."""
    everything = [run.result["run"] for run in collection.runs] + [job.run for job in collection.failures]
    tables = []
    for attack in dict.fromkeys(run["attack"] for run in everything):
        runs = [run for run in collection.runs if run.result["run"]["attack"] == attack]
        jobs = [job for job in collection.failures if job.run["attack"] == attack]
        varied = varying(run for run in everything if run["attack"] == attack)
        names = ["defence", *(name for name in varied if name != "defence")]
        tables.append(_table(attack, runs, jobs, names))
    return "\n".join(tables)


def _table(attack: str, runs: Sequence[Run], jobs: Sequence[Failure], names: Sequence[str]) -> str:
    seen = {attacker["knowledge"] for run in runs for attacker in run.result["attackers"]}
    kinds = [knowledge for knowledge in KNOWLEDGE if knowledge in seen]
    titles = [name.replace("_", " ").capitalize() for name in names]
    titles += ["Study's figure", *(KNOWLEDGE[kind] for kind in kinds), *COSTS.values()] if runs else ["Failure"]
    rows = [_row(run, names, kinds) for run in runs]
    rows += [_failed(job, names, len(titles) - len(names)) for job in jobs]
    note = NOTES[is_extraction(runs[0].result)] if runs else ""
    if any((attack, run.result["run"]["defence"]) in PUBLISHED for run in runs):
        note += " The study's figures are of single runs, on MNIST."
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    caption = escape(f"{attack}: {note}")
    # A box that scrolls must be within reach of the keyboard.
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="{escape(attack)}"><table>'
        f'<caption><div class="near">{caption}</div></caption>'
        f"\n<thead><tr>{head}</tr></thead>\n<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(run: Run, names: Sequence[str], kinds: Sequence[str]) -> str:
    result = run.result
    cells = [_study(result["run"])]
    for kind in kinds:
        attackers = [attacker for attacker in result["attackers"] if attacker["knowledge"] == kind]
        cells.append("<br>".join(_attacker(attacker, named=len(attackers) > 1) for attacker in attackers))
    cells += [_percent(result["service"][cost]) for cost in ("test_accuracy", "labels_changed")]
    cells.append(_number(result["service"]["l1"]))
    return _settings(result["run"], names) + "".join(f"<td>{cell or '-'}</td>" for cell in cells) + "</tr>\n"


def _failed(job: Failure, names: Sequence[str], width: int) -> str:
    why = f'<div class="near">failed: {escape(job.why)}</div>'
    return f'{_settings(job.run, names)}<td colspan="{width}">{why}</td></tr>\n'


def _settings(run: Mapping[str, Any], names: Sequence[str]) -> str:
    values = attributes(run)
    cells = [count(values[name]) if name == "budget" else str(values[name]) for name in names]
    first, *others = map(escape, cells)
    return f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in others)


def _study(run: Mapping[str, Any]) -> str:
    _, study = PUBLISHED.get((run["attack"], run["defence"]), ("", None))
    if study is None:
        return ""
    return f"{100 * study:.2f}" + ("" if comparable(run) else "<br><small>other settings</small>")


def _attacker(attacker: Mapping[str, Any], *, named: bool) -> str:
    metrics = attacker["metrics"]
    success, (beside, word) = figure(attacker), BESIDE[headline(metrics)]
    lines = [_percent(success)]
    if beside in metrics:
        lines.append(f"<small>{word} {(_number if beside == 'auc' else _percent)(metrics[beside])}</small>")
    if success.get("sd") is not None:
        lines.append(f"<small>sd {100 * success['sd']:.1f}, {success['repetitions']} repetitions</small>")
    if named:
        lines.insert(0, f"<small>{escape(attacker['name'])}</small>")
    return "<br>".join(lines)


def _percent(measurement: Measurement) -> str:
    if not given(measurement):
        return _missing(measurement)
    value, low, high = (100 * measurement[part] for part in ("value", "low", "high"))
    return f"<strong>{value:.1f}</strong> [{low:.1f}, {high:.1f}]"


def _number(measurement: Measurement) -> str:
    return escape(plain(measurement)) if given(measurement) else _missing(measurement)


def _missing(measurement: Measurement) -> str:
    return f"- <small>({escape(str(measurement.get('why', 'not measured')))})</small>"


def configurations(collection: Collection) -> str:
    """Return every run's settings: once those that all share, and for each run the others."""
    entries = [(run.folder, run.result["run"]) for run in collection.runs]
    entries += [(job.folder, job.run) for job in collection.failures]
    settings = [dict(_flat("", run["config"])) for _, run in entries]
    shared = {
        name: value
        for name, value in settings[0].items()
        if all(name in one and one[name] == value for one in settings)
    }
    blocks = []
    if len(entries) > 1:
        blocks.append(_details("Shared by all", shared))
    names = varying(run for _, run in entries)
    for (folder, run), own in zip(entries, settings, strict=True):
        differing = {name: value for name, value in own.items() if len(entries) == 1 or name not in shared}
        title = label(run, ["attack", "defence", *names])
        blocks.append(_details(f"{title} ({folder.name})", {"folder": folder, **differing}))
    return "\n".join(blocks)


def _details(title: str, settings: Mapping[str, Any]) -> str:
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    return f"<details><summary>{escape(title)}</summary><pre>{escape(lines)}</pre></details>"


def _flat(prefix: str, node: Any) -> list[tuple[str, Any]]:
    if isinstance(node, Mapping) and node:
        return [pair for name, value in node.items() for pair in _flat(f"{prefix}.{name}".lstrip("."), value)]
    return [(prefix, node)]
