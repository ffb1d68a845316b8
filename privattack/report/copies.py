"""Copies beside their target, and what they cost the attacker."""

from collections.abc import Sequence
from html import escape
from typing import Any

from privattack.report.cells import box, percent, row
from privattack.report.collect import Run
from privattack.report.contests import RANDOM
from privattack.report.naming import count, label, pool_of, varying
from privattack.report.results import QUERYING, Result, best, figure, given, is_extraction

TRANSFER = {"transfer_fgsm": "Transfer, FGSM", "transfer_pgd": "Transfer, PGD"}
TITLES = (
    "Copy by", "Target's accuracy", "Copy's accuracy", "Fidelity", "Fidelity without a query",
)  # fmt: skip


def copies(runs: Sequence[Run]) -> str:
    """Return where the queries came from, and for each extraction its best copy, the floor, and the cost."""
    copying = [run for run in runs if is_extraction(run.result) and best(run.result, *QUERYING, metric="fidelity")]
    if not copying:
        return ""
    results = [run.result for run in copying]
    names = varying(result["run"] for result in results)
    transferred = [name for name in TRANSFER if any(name in _best(result)["metrics"] for result in results)]
    paid = any(_money(result) is not None for result in results)
    rows = [
        row(label(one["run"], ["attack", "defence", *names]), _cells(one, transferred, paid=paid)) for one in results
    ]
    titles = ["Run", *TITLES, *(TRANSFER[name] for name in transferred), "Queries", "Calls", *(["Money"] * paid)]
    caption = (
        "The best attacker who queries. Shares in %; without a query: the floor, trained on labels of the attacker's "
        "own for the same images, which the answers chose where there is more than one call. Cost of one repetition."
    )
    if transferred:
        caption += " Transfer: the share of adversarial examples made on the copy that fool the target."
    table = box("copies and cost", caption, [*titles, "Fidelity points per 1,000 queries"], rows)
    return "".join(f"<p>{escape(words)}</p>\n" for words in pools(results)) + table


def pools(results: Sequence[Result]) -> list[str]:
    """Return a sentence for each query pool: how large it is, and how far it overlaps with the images judged by."""
    return list(dict.fromkeys(_pool(result) for result in results if result.get("pool")))


def overlaps(results: Sequence[Result]) -> list[str]:
    """Return a sentence for each query pool that holds images by which surrogates are judged."""
    shared = (
        (result["pool"], pool_of(result["run"]), result["run"]["data"])
        for result in results
        # Of random queries the figures on images never queried are free of it.
        if _owns_judged(result) and result["run"]["attack"] != RANDOM
    )
    sentences = (
        f"{pool['judged_by']:,} of the images that copies are judged by lie in the pool {name} (data {data}): an "
        "attack that chooses among them, or learns from them unasked, is flattered"
        + (", and so are its figures on images never queried" if name == "test" else "")
        + ("." if name == "holdout" else "; pool=holdout keeps them apart.")
        for pool, name, data in shared
    )
    return list(dict.fromkeys(sentences))


def _owns_judged(result: Result) -> bool:
    """Say whether the attack can have used images that copies are judged by; one that makes its own cannot."""
    if not result.get("pool") or not result["pool"]["judged_by"]:
        return False
    metrics = result["attackers"][0]["metrics"]
    return "fidelity_unqueried" not in metrics or metrics["fidelity_unqueried"]["n"] < metrics["fidelity"]["n"]


def _pool(result: Result) -> str:
    pool, run = result["pool"], result["run"]
    judged = figure(_best(result), "fidelity")["n"]
    lie = f"{pool['judged_by']:,} of the {judged:,} images that surrogates are judged by lie in the pool"
    fair = "" if pool["judged_by"] else ", so fidelity is on images that the attacker cannot have asked about"
    return f"Queries come from the pool {pool_of(run)} ({pool['images']:,} images, data {run['data']}): {lie}{fair}."


def _best(result: Result) -> Any:
    return best(result, *QUERYING, metric="fidelity")


def _money(result: Result) -> float | None:
    return result["service"].get("money")


def _cells(result: Result, transferred: Sequence[str], *, paid: bool) -> list[str]:
    copy, floor, service = _best(result), best(result, "no_query", metric="fidelity"), result["service"]
    money = _money(result)
    cells = [escape(copy["name"]), percent(result["target"]["test_accuracy"])]
    cells += [percent(figure(copy, "accuracy")), percent(figure(copy, "fidelity"))]
    cells.append(percent(figure(floor, "fidelity")) if floor else "-")
    cells += [percent(figure(copy, name)) for name in transferred]
    cells += [count(service["images"]), count(service.get("rounds", "-"))]
    cells += ["-" if money is None else f"{money:,.2f}"] if paid else []
    fidelity = figure(copy, "fidelity")
    asked = service["images"]
    return [*cells, f"{100 * fidelity['value'] / (asked / 1_000):.1f}" if asked and given(fidelity) else "-"]
