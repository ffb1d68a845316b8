"""Results of one run at several budgets, taken apart."""

from collections.abc import Iterable
from dataclasses import replace

from privattack.results.collect import Finished
from privattack.results.result import Attacker, Result


def at_each_budget(result: Result) -> list[Result]:
    """Return a result for each budget of the attackers' curves, ascending, as if each were a run of its own.

    What only the whole run has, transfer and the cost, stands in the last. A result without curves is returned alone.
    """
    budgets = sorted({point.budget for attacker in result.attackers for point in attacker.curve})
    return [*(_at(result, budget) for budget in budgets if budget < result.run.budget), result]


def runs_at_each_budget(runs: Iterable[Finished]) -> list[Finished]:
    """Return the runs with each result taken apart by budget."""
    return [replace(run, result=result) for run in runs for result in at_each_budget(run.result)]


def _at(result: Result, budget: int) -> Result:
    attackers = [
        Attacker(name=attacker.name, knowledge=attacker.knowledge, metrics=point.metrics, compared=point.compared)
        for attacker in result.attackers
        for point in attacker.curve
        if point.budget == budget
    ]
    run = result.run.model_copy(update={"budget": budget, "config": {**result.run.config, "budget": budget}})
    whole = dict.fromkeys(("unique_images", "refused", "rounds", "money"))
    service = result.service.model_copy(update={**whole, "images": budget})
    return result.model_copy(update={"run": run, "attackers": attackers, "service": service})
