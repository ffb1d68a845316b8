"""Surrogates beside their target, and what they cost the attacker."""

from collections.abc import Sequence

from privattack.report.cells import Cell, Table, percent
from privattack.report.dots import of_attackers, of_defences
from privattack.report.drawing import Panel
from privattack.report.plots import alike, by_budget, by_defence
from privattack.results.collect import Finished
from privattack.results.figures import QUERYING, best, ranked
from privattack.results.naming import count, label, varying
from privattack.results.result import Attacker, Result

TRANSFER = {"transfer_fgsm": "Transfer, FGSM", "transfer_pgd": "Transfer, PGD"}
TITLES = ("Surrogate by", "Target's accuracy", "Surrogate's accuracy", "Fidelity", "Fidelity without a query")
CAPTION = (
    "The best attacker who queries. Shares in %; without a query: the floor, trained on labels of the attacker's "
    "own for the same images, which the answers chose where there is more than one call. Cost of one repetition."
)
TRANSFERRED = " Transfer: the share of adversarial examples made on the surrogate that fool the target."


def extractions(runs: Sequence[Finished]) -> list[tuple[Result, Attacker]]:
    """Return the results of extraction attacks, each with the best attacker who queries."""
    found = [(run.result, best(run.result, *QUERYING, metric="fidelity")) for run in runs if run.result.is_extraction]
    return [(result, attacker) for result, attacker in found if attacker is not None]


def panels(runs: Sequence[Finished]) -> list[Panel]:
    """Return what attackers reach at one budget, a panel for all runs that differ in the defence alone.

    Several budgets are drawn elsewhere, as curves.
    """
    found = []
    extracting = [run for run in runs if run.result.is_extraction]
    elsewhere = {run.folder for _, group in by_budget(extracting) for run in group}
    for title, group in alike([run for run in extracting if run.folder not in elsewhere], besides=("defence",)):
        behind = {name: run.result.attackers for name, (run, *_) in by_defence(group).items()}
        if len(behind) > 1:
            found.append(of_defences(title, "fidelity", behind))
        else:
            result = group[0].result
            attackers = [(one.name, one) for one in ranked(result.attackers, "fidelity")]
            found.append(of_attackers(title, "fidelity", attackers, target=result.target.test_accuracy))
    return found


def tables(extracted: Sequence[tuple[Result, Attacker]]) -> list[Table]:
    """Return a table with a row for each extraction: its best surrogate, the floor, and the cost."""
    if not extracted:
        return []
    names = ["attack", "defence", *varying(result.run for result, _ in extracted)]
    transferred = [name for name in TRANSFER if any(name in attacker.metrics for _, attacker in extracted)]
    paid = any(result.service.money is not None for result, _ in extracted)
    rows = [
        [label(result.run, names), *_cells(result, attacker, transferred, paid=paid)] for result, attacker in extracted
    ]
    titles = [
        "Run", *TITLES, *(TRANSFER[name] for name in transferred), "Queries", "Calls", *(["Money"] * paid),
        "Fidelity points per 1,000 queries",
    ]  # fmt: skip
    return [Table("surrogates and cost", CAPTION + TRANSFERRED * bool(transferred), titles, rows)]


def _cells(result: Result, attacker: Attacker, transferred: Sequence[str], *, paid: bool) -> list[Cell]:
    floor, service, fidelity = best(result, "no_query", metric="fidelity"), result.service, attacker.figure("fidelity")
    cells: list[Cell] = [attacker.name, percent(result.target.test_accuracy), percent(attacker.figure("accuracy"))]
    cells += [percent(fidelity), percent(floor.figure("fidelity")) if floor else "-"]
    cells += [percent(attacker.figure(name)) for name in transferred]
    cells += [count(service.images), "-" if service.rounds is None else count(service.rounds)]
    if paid:
        cells.append("-" if service.money is None else f"{service.money:,.2f}")
    return [*cells, f"{100_000 * fidelity.known.value / service.images:.1f}" if service.images else "-"]
