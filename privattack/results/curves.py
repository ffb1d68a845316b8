"""Results of one run at several budgets, taken apart."""

from collections.abc import Iterable
from dataclasses import replace

from privattack.results.collect import Run
from privattack.results.figures import Result


def at_each_budget(result: Result) -> list[Result]:
    """Return a result for each budget of the attackers' curves, ascending, as if each were a run of its own.

    What only the whole run has, transfer and the cost, stands in the last. A result without curves is returned alone.
    """
    budgets = sorted({point["budget"] for attacker in result["attackers"] for point in attacker.get("curve", [])})
    return [*(_at(result, budget) for budget in budgets if budget < result["run"]["budget"]), result]


def runs_at_each_budget(runs: Iterable[Run]) -> list[Run]:
    """Return the runs with each result taken apart by budget."""
    return [replace(run, result=dict(result)) for run in runs for result in at_each_budget(run.result)]


def _at(result: Result, budget: int) -> Result:
    attackers = [
        {"name": attacker["name"], "knowledge": attacker["knowledge"], "metrics": point["metrics"]}
        for attacker in result["attackers"]
        for point in attacker.get("curve", [])
        if point["budget"] == budget
    ]
    run = {**result["run"], "budget": budget, "config": {**result["run"]["config"], "budget": budget}}
    whole = ("images", "unique_images", "refused", "rounds", "money")
    service = {name: value for name, value in result["service"].items() if name not in whole}
    return {**result, "run": run, "attackers": attackers, "service": {**service, "images": budget}}
