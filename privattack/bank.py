"""The bank of shadow models that a run would use, and the store, by the words of the command line.

    python -m privattack.bank status attack=lira shadow.count=64     # what is there, who is at it, what is missing
    python -m privattack.bank train attack=lira shadow.count=64 shadow.engine=submitit
    python -m privattack.bank plan attack=lira shadow.count=64 bank.workers=32 bank.price=0.05
    python -m privattack.bank prune store=outputs/store bank.days=30 bank.gigabytes=10

Words that begin with `bank.` are this program's own, told below; all others are those of `run.py`.
"""

import logging
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from privattack.audits.shadow import ShadowAudit
from privattack.checks import Few, PathText, Positive, checked
from privattack.command_line.compose import composed
from privattack.command_line.own_words import own_words, run_program
from privattack.errors import UserError
from privattack.experiment import prepare
from privattack.memory import enough_memory
from privattack.models.devices import keep_quiet
from privattack.models.object_store import open_store
from privattack.models.planning import plan
from privattack.models.pruning import prune
from privattack.models.shadow_bank import BankOrder
from privattack.models.store import fingerprint

log = logging.getLogger(__name__)


@checked
class Settings:
    """The program's own settings.

    Args:
        days, gigabytes: prune: removes models last used longer ago, in a bucket put there longer ago, then the longest
            unused until no more is left.
        results: prune: where results are; models that they refer to stay, and are told,
        referred: unless this is true.
        delete: prune: false only tells what would be removed.
        workers: plan: how many workers, such as GPUs or cores, a cluster has; null for this machine alone. They are
            given models as shadow.engine gives them: shadow.engines.submitit.models to a job, one after the other.
        name: plan: of the cluster.
        device: plan: of the cluster's workers, as the store names it where models were trained there.
        speed: plan: how many times as fast a worker is as this machine, where the store has no model of that device.
        start: plan: seconds until one of them is ready, such as in a queue; null for as long as processes here
            take, which is 0 where this machine trains one model at a time.
        price: plan: money for an hour of one worker.
    """

    def __init__(
        self,
        *,
        days: Positive | None = None,
        gigabytes: Annotated[float, Field(ge=0, le=1e9)] | None = None,
        results: PathText = "outputs",
        referred: bool = False,
        delete: bool = False,
        workers: Few | None = None,
        name: str = "cluster",
        device: str | None = None,
        speed: Positive = 1.0,
        start: Annotated[float, Field(ge=0, le=1e9)] | None = None,
        price: Annotated[float, Field(ge=0, le=1e12)] = 0.0,
    ) -> None:
        self.days = days
        self.gigabytes = gigabytes
        self.results = results
        self.referred = referred
        self.delete = delete
        self.workers = workers
        self.name = name
        self.device = device
        self.speed = speed
        self.start = start
        self.price = price


@enough_memory()
def bank(words: Sequence[str]) -> None:
    """Do what the command line says, and print what is found.

    Raises:
        UserError: a setting cannot work.
    """
    action, *others = words or [""]
    if action not in ("status", "train", "plan", "prune"):
        raise UserError(f"{action or 'bank'}: needs one of status, train, plan, prune; --help tells what they do.")
    own, others = own_words(others, "bank.", Settings)
    config, choices = composed(others)
    if action == "prune":
        print(prune(open_store(config.store), days=own.days, gigabytes=own.gigabytes, results=own.results,
                    referred=own.referred, delete=own.delete))  # fmt: skip
        return
    if not config.verbose:
        keep_quiet()
    audit = prepare(config).audit
    if not isinstance(audit, ShadowAudit) or audit.order is None:
        raise UserError(
            f"attack={choices['attack']}: trains no shadow models; choose one that does, such as attack=lira."
        )
    if action == "plan":
        print(plan(audit.order, workers=own.workers, name=own.name, device=own.device, speed=own.speed, start=own.start,
                   price=own.price))  # fmt: skip
        return
    if action == "train":
        audit.order.obtain()
    print(status(audit.order))


def status(order: BankOrder) -> str:
    """Return what of a bank is in the store, who is at the rest, and what nobody is at."""
    missing = [fingerprint(task.address) for task in order.tasks]
    missing = [name for name in missing if not order.store.holds(name)]
    found = {name: order.store.owner_of(name) for name in missing}
    owners = {name: owner for name, owner in found.items() if owner is not None}
    lines = [
        f"store={order.store}: {len(order.tasks) - len(missing)} of {len(order.tasks)} shadow models are there, "
        f"{len(owners)} are claimed, {len(missing) - len(owners)} are left."
    ]
    lines += [
        f"  {name}: process {owner.process} on {owner.machine}, whose last sign of life was {owner.silent:.0f} s ago"
        for name, owner in owners.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Run what the command line says and exit: 0 well, 1 a setting cannot work."""
    run_program(bank, f"{__doc__}\n{Settings.__doc__}")


if __name__ == "__main__":
    main()
