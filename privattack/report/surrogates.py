"""Copies beside their target, and what they cost the attacker."""

from collections.abc import Sequence
from html import escape
from typing import Any

from privattack.findings.pools import pools
from privattack.report.cells import box, percent, row
from privattack.results.collect import Finished
from privattack.results.figures import QUERYING, best
from privattack.results.naming import count, label, varying
from privattack.results.result import Result

TRANSFER = {"transfer_fgsm": "Transfer, FGSM", "transfer_pgd": "Transfer, PGD"}
TITLES = (
    "Copy by", "Target's accuracy", "Copy's accuracy", "Fidelity", "Fidelity without a query",
)  # fmt: skip


def copies(runs: Sequence[Finished]) -> str:
    """Return where the queries came from, and for each extraction its best copy, the floor, and the cost."""
    copying = [run for run in runs if run.result.is_extraction and best(run.result, *QUERYING, metric="fidelity")]
    if not copying:
        return ""
    results = [run.result for run in copying]
    names = varying(result.run for result in results)
    transferred = [name for name in TRANSFER if any(name in _best(result).metrics for result in results)]
    paid = any(_money(result) is not None for result in results)
    rows = [row(label(one.run, ["attack", "defence", *names]), _cells(one, transferred, paid=paid)) for one in results]
    titles = ["Run", *TITLES, *(TRANSFER[name] for name in transferred), "Queries", "Calls", *(["Money"] * paid)]
    caption = (
        "The best attacker who queries. Shares in %; without a query: the floor, trained on labels of the attacker's "
        "own for the same images, which the answers chose where there is more than one call. Cost of one repetition."
    )
    if transferred:
        caption += " Transfer: the share of adversarial examples made on the copy that fool the target."
    table = box("copies and cost", caption, [*titles, "Fidelity points per 1,000 queries"], rows)
    return "".join(f"<p>{escape(words)}</p>\n" for words in pools(results)) + table


def _best(result: Result) -> Any:
    return best(result, *QUERYING, metric="fidelity")


def _money(result: Result) -> float | None:
    return result.service.money


def _cells(result: Result, transferred: Sequence[str], *, paid: bool) -> list[str]:
    copy, floor, service = _best(result), best(result, "no_query", metric="fidelity"), result.service
    money = _money(result)
    cells = [escape(copy.name), percent(result.target.test_accuracy)]
    cells += [percent(copy.figure("accuracy")), percent(copy.figure("fidelity"))]
    cells.append(percent(floor.figure("fidelity")) if floor else "-")
    cells += [percent(copy.figure(name)) for name in transferred]
    cells += [count(service.images), "-" if service.rounds is None else count(service.rounds)]
    cells += ["-" if money is None else f"{money:,.2f}"] if paid else []
    fidelity = copy.figure("fidelity")
    asked = service.images
    return [*cells, f"{100 * fidelity.value / (asked / 1_000):.1f}" if asked and fidelity.given else "-"]
