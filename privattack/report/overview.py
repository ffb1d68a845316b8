"""The page's first tables: attacks and defences side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from privattack.report.cells import Cell, Line, Table, number, percent
from privattack.results.collect import Collection, Failure, Finished
from privattack.results.figures import FEW, LOW_RATE, WORDS, has_many, ranked
from privattack.results.naming import FIELDS, attributes, shown, varying
from privattack.results.result import Attacker, Job, Run
from privattack.results.study import comparable, study

KNOWLEDGE = {
    "published": "Published attack", "adaptive": "Adaptive attacker", "blind": "Blind attacker", "no_query": "No query",
}  # fmt: skip
COSTS = ("Honest users' accuracy", "Labels changed", "L1 distance")
NOTES = {
    True: "Fidelity in %, and below it fidelity on images that were never queried.",
    False: "Accuracy in % (a coin has 50), and below it AUC (a coin has 0.5).",
}
STUDIED = " The study's figures are of single runs, on MNIST."
MANY = " Of many attackers the best."


def overview(collection: Collection) -> list[Table]:
    """Return a table for each kind of attack, with failed jobs as rows that say why."""
    everything = [run.result.run for run in collection.runs] + [job.run for job in collection.failures]
    tables = []
    for attack in dict.fromkeys(run.attack for run in everything):
        runs = [run for run in collection.runs if run.result.run.attack == attack]
        jobs = [job for job in collection.failures if job.run.attack == attack]
        varied = varying(run for run in everything if run.attack == attack)
        tables.append(_table(attack, runs, jobs, ["defence", *(name for name in varied if name != "defence")]))
    return tables


def _table(attack: str, runs: Sequence[Finished], jobs: Sequence[Failure], names: Sequence[str]) -> Table:
    seen = {attacker.knowledge for run in runs for attacker in run.result.attackers}
    kinds = [knowledge for knowledge in KNOWLEDGE if knowledge in seen]
    studied = any(study(run.result.run)[1] is not None for run in runs)
    titles = [name.replace("_", " ").capitalize() if name in FIELDS else name for name in names]
    ours = [*(KNOWLEDGE[kind] for kind in kinds), *COSTS]
    titles += [*(["Study's figure"] if studied else []), *ours] if runs else ["Failure"]
    rows = [_row(run, names, kinds, studied=studied) for run in runs]
    rows += [[*_settings(job.run, names), f"failed: {job.why}"] for job in jobs]
    note = NOTES[runs[0].result.is_extraction] if runs else ""
    note += STUDIED * studied + MANY * any(has_many(run.result) for run in runs)
    return Table(attack, f"{attack}: {note}", titles, rows)


def _row(run: Finished, names: Sequence[str], kinds: Sequence[str], *, studied: bool) -> list[Cell]:
    result, service = run.result, run.result.service
    cells = [*_settings(result.run, names), *([_study(result.run)] if studied else [])]
    cells += [_attackers(result.having(kind), "targets" if result.run.targets else "repetitions") for kind in kinds]
    return [*cells, percent(service.test_accuracy), percent(service.labels_changed), number(service.l1)]


def _settings(run: Job, names: Sequence[str]) -> list[Cell]:
    values = attributes(run)
    return [_setting(name, values[name]) if name in values else "-" for name in names]


def _setting(name: str, value: Any) -> str:
    return str(value) if name in FIELDS and name != "budget" else shown(name, value)


def _study(run: Run) -> Cell:
    _, published = study(run)
    if published is None:
        return "-"
    figure = Line(f"{100 * published:.2f}")
    return [figure] if comparable(run) else [figure, Line("other settings", small=True)]


def _attackers(attackers: Sequence[Attacker], unit: str) -> Cell:
    many = len(attackers) > FEW
    chosen = ranked(attackers)[:1] if many else attackers
    lines = [line for one in chosen for line in _attacker(one, unit, named=len(attackers) > 1, low_rate=many)]
    if many:
        lines.append(Line(f"the best of {len(attackers)}", small=True))
    return lines or "-"


def _attacker(attacker: Attacker, unit: str, *, named: bool, low_rate: bool) -> Iterable[Line]:
    success, metrics = attacker.figure(), attacker.metrics
    if named:
        yield Line(attacker.name, small=True)
    yield percent(success)
    if "fidelity_unqueried" in metrics:
        yield replace(percent(metrics["fidelity_unqueried"]), word="unqueried", small=True)
    if "auc" in metrics:
        yield replace(number(metrics["auc"]), word="AUC", small=True)
    if low_rate and attacker.figure(LOW_RATE).given:
        yield replace(percent(metrics[LOW_RATE]), word=WORDS[LOW_RATE], small=True)
    if success.sd is not None:
        yield Line(f"sd {100 * success.sd:.1f}, {success.repetitions} {unit}", small=True)
