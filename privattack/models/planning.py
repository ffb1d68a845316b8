"""How long a bank takes, and what it costs, before anything starts."""

import json
import tempfile
import time
from dataclasses import replace
from typing import Any

from privattack.models.costs import Rate, Work, Workers, rates
from privattack.models.devices import name_of
from privattack.models.engines.processes import Processes
from privattack.models.shadow_bank import BankOrder
from privattack.models.shadow_processes import in_processes
from privattack.models.store import ModelStore, fingerprint


def plan(
    order: BankOrder,
    *,
    workers: int | None,
    name: str,
    device: str | None,
    speed: float,
    start: float | None,
    price: float,
) -> str:
    """Return hours and money for this machine and, with `workers`, for a cluster, in sentences.

    Where the store has no model of this network that was trained on this machine, a few are trained now for an epoch.

    Args:
        workers, name: how many workers a cluster has, which are given models as the order's engine gives them, and what
            it is called.
        device, speed: what its workers are, and how many times as fast as this machine where no model was trained there
            yet.
        start: seconds until one of them is ready, such as in a queue; None for as long as a process here takes.
        price: money for an hour of a worker.
    """
    task, here = order.tasks[0], name_of(order.device)
    engine = order.settings.engine if isinstance(order.settings.engine, Processes) else Processes()
    known = rates(order.store.costs(), json.loads(json.dumps(task.address)))
    rate = known.get(here) or _tried(order, engine)
    work = Work(len(task.members), order.settings.recipe.epochs, len(order.pool) + len(order.data.test))
    missing = sum(not order.store.holds(fingerprint(task.address)) for task in order.tasks)
    at_once = min(missing, engine.at_once(order.device)) or 1
    us = Workers(at_once, _start(at_once), price)
    seconds = rate.seconds * work.images
    lines = [
        f"{order.settings.count} shadow models: {order.settings.count - missing} are in the store, {missing} are to be "
        f"trained, {work.members:,} members and {work.epochs} epochs each.",
        _told("this machine", missing, us, seconds, f"{rate.measured} trainings measured on {here}"),
    ]
    if workers is not None:
        theirs = known.get(device or "")
        basis = (
            f"{speed:g} times this machine" if theirs is None else f"{theirs.measured} trainings measured on {device}"
        )
        seconds = seconds / speed if theirs is None else theirs.seconds * work.images
        giving = order.settings.engine
        start = us.start if start is None else start
        them = Workers(min(workers, giving.most or workers), start, price, in_a_row=giving.models, anew=giving.anew)
        lines.append(_told(name, missing, them, seconds, basis))
    return "\n".join(lines)


def _told(where: str, models: int, workers: Workers, seconds: float, basis: str) -> str:
    taken = workers.hours(models, seconds=seconds)
    row = f", {workers.in_a_row} in a row" if workers.in_a_row > 1 else ""
    return (
        f"{where}: {taken:.2f} hours ({3600 * taken:.0f} s), {workers.at_once} at once{row}, {seconds:.1f} s a model; "
        f"money {workers.money(models, seconds=seconds):.2f} (by {basis})."
    )


def _tried(order: BankOrder, engine: Processes) -> Rate:
    """Measure: as many models at once as will be trained at once, an epoch each, in a store that is thrown away.

    Two for each process, of which the fastest counts: its first one waits for what PyTorch loads when it is first used.
    """
    count = 2 * engine.at_once(order.device)
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(order.settings, count=count, recipe=replace(order.settings.recipe, epochs=1), engine=engine)
        tried = replace(order, settings=settings, store=ModelStore(folder))
        tried.obtain()
        address, here = json.loads(json.dumps(tried.tasks[0].address)), name_of(order.device)
        return Rate(min(rates([one], address)[here].seconds for one in tried.store.costs()), count)


def _start(processes: int) -> float:
    """Return how many seconds processes that train take to be there."""
    if processes == 1:
        return 0.0
    began = time.perf_counter()
    list(in_processes(_nothing, range(processes), processes=processes))
    return time.perf_counter() - began


def _nothing(_: Any) -> None:
    """Be sent."""
