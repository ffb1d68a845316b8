"""The page's first table: attacks and defences side by side."""

from collections.abc import Sequence
from html import escape

from privattack.report.cells import box, number, percent, row
from privattack.results.collect import Collection, Failure, Finished
from privattack.results.figures import FEW, LOW_RATE, has_many, ranked
from privattack.results.naming import FIELDS, attributes, shown, varying
from privattack.results.result import Attacker, Job, Run
from privattack.results.study import comparable, study

KNOWLEDGE = {
    "published": "Published attack",
    "adaptive": "Adaptive attacker",
    "blind": "Blind attacker",
    "no_query": "No query",
}
COSTS = {"test_accuracy": "Honest users' accuracy", "labels_changed": "Labels changed", "l1": "L1 distance"}
# The further lines of a cell, below the headline's.
BESIDE = {"fidelity_unqueried": "unqueried", "auc": "AUC"}
NOTES = {
    True: "Fidelity in %, and below it fidelity on images that were never queried.",
    False: "Accuracy in % (a coin has 50), and below it AUC (a coin has 0.5).",
}
MANY = " Of many attackers the best; all of them are ranked below."


def table(collection: Collection) -> str:
    """Return a table for each kind of attack, with failed jobs as rows that say why."""
    everything = [run.result.run for run in collection.runs] + [job.run for job in collection.failures]
    tables = []
    for attack in dict.fromkeys(run.attack for run in everything):
        runs = [run for run in collection.runs if run.result.run.attack == attack]
        jobs = [job for job in collection.failures if job.run.attack == attack]
        varied = varying(run for run in everything if run.attack == attack)
        names = ["defence", *(name for name in varied if name != "defence")]
        tables.append(_table(attack, runs, jobs, names))
    return "\n".join(tables)


def _table(attack: str, runs: Sequence[Finished], jobs: Sequence[Failure], names: Sequence[str]) -> str:
    seen = {attacker.knowledge for run in runs for attacker in run.result.attackers}
    kinds = [knowledge for knowledge in KNOWLEDGE if knowledge in seen]
    studied = any(study(run.result.run)[1] is not None for run in runs)
    titles = [name.replace("_", " ").capitalize() if name in FIELDS else name for name in names]
    ours = [*(KNOWLEDGE[kind] for kind in kinds), *COSTS.values()]
    titles += [*(["Study's figure"] if studied else []), *ours] if runs else ["Failure"]
    rows = [_row(run, names, kinds, studied=studied) for run in runs]
    rows += [_failed(job, names, len(titles) - len(names)) for job in jobs]
    note = NOTES[runs[0].result.is_extraction] if runs else ""
    if studied:
        note += " The study's figures are of single runs, on MNIST."
    if any(has_many(run.result) for run in runs):
        note += MANY
    return box(attack, f"{attack}: {note}", titles, rows)


def _row(run: Finished, names: Sequence[str], kinds: Sequence[str], *, studied: bool) -> str:
    result = run.result
    cells = [_study(result.run)] if studied else []
    for kind in kinds:
        attackers = result.having(kind)
        several, many = len(attackers) > 1, len(attackers) > FEW
        chosen = ranked(attackers)[:1] if many else attackers
        unit = "targets" if result.run.targets else "repetitions"
        lines = [_attacker(one, unit, named=several, low_rate=many) for one in chosen]
        cells.append("<br>".join([*lines, *([f"<small>the best of {len(attackers)}</small>"] if many else [])]))
    cells += [percent(getattr(result.service, cost)) for cost in ("test_accuracy", "labels_changed")]
    cells.append(number(result.service.l1))
    first, *settings = _settings(result.run, names)
    return row(first, [*map(escape, settings), *(cell or "-" for cell in cells)])


def _failed(job: Failure, names: Sequence[str], width: int) -> str:
    first, *settings = _settings(job.run, names)
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in settings)
    why = f'<div class="near">failed: {escape(job.why)}</div>'
    return f'<tr><th scope="row">{escape(first)}</th>{cells}<td colspan="{width}">{why}</td></tr>\n'


def _settings(run: Job, names: Sequence[str]) -> list[str]:
    values = attributes(run)
    return [
        "-"
        if name not in values
        else str(values[name])
        if name in FIELDS and name != "budget"
        else shown(name, values[name])
        for name in names
    ]


def _study(run: Run) -> str:
    _, published = study(run)
    if published is None:
        return ""
    return f"{100 * published:.2f}" + ("" if comparable(run) else "<br><small>other settings</small>")


def _attacker(attacker: Attacker, unit: str, *, named: bool, low_rate: bool) -> str:
    metrics = attacker.metrics
    success = attacker.figure()
    lines = [percent(success)]
    for name, word in BESIDE.items():
        if name in metrics:
            lines.append(f"<small>{word} {(number if name == 'auc' else percent)(metrics[name])}</small>")
    if low_rate and attacker.figure(LOW_RATE).given:
        lines.append(f"<small>TPR at 1 % FPR {percent(attacker.figure(LOW_RATE))}</small>")
    if success.sd is not None:
        lines.append(f"<small>sd {100 * success.sd:.1f}, {success.repetitions} {unit}</small>")
    if named:
        lines.insert(0, f"<small>{escape(attacker.name)}</small>")
    return "<br>".join(lines)
