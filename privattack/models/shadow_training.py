"""Training shadow models: one after the other on a CPU, stacked on a GPU.

Kept apart from what imports Lightning: a process that trains one model should not take seconds to start.
"""

import copy
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from privattack.data.images import LabelledImages
from privattack.errors import UserError
from privattack.models.costs import Work
from privattack.models.normalised import Normalised
from privattack.models.recipes import Recipe
from privattack.models.store import Claim, ModelStore, StoredModel
from privattack.models.target import Target

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One shadow model that is to be trained.

    Attributes:
        number: its number in the bank.
        address: its recipe in the store.
        network: untrained, with its initial weights.
        members: the images of the pool that it learns from.
        seed: decides the order of its batches and its dropout.
    """

    number: int
    address: Mapping[str, Any]
    network: Normalised
    members: Int64[Tensor, " m"]
    seed: int


@dataclass(frozen=True)
class Workshop:
    """What the training of every shadow model shares.

    Attributes:
        pool: the images that the models learn from, half of them each, and are asked about afterwards.
        test: the images beside the pool that they are asked about.
    """

    pool: LabelledImages
    test: LabelledImages
    recipe: Recipe
    store: ModelStore


@dataclass(frozen=True)
class Outcome:
    """How a task ended: `trained` is None where another process is at it."""

    number: int
    trained: bool | None


def train_these(tasks: Sequence[Task], device: torch.device, *, workshop: Workshop, wait: bool) -> Iterator[Outcome]:
    """Train shadow models into the store and yield each one's outcome as soon as it is known.

    Args:
        device: on a GPU all train as one stacked model, or as many as fit; on a CPU one after the other.
        wait: whether to wait for models that another process is training.

    Raises:
        UserError: a model's answers are not finite, the store cannot be written, or the GPU's memory is too small.
    """
    if device.type == "cuda":
        yield from _train_stacked(tasks, workshop, device, wait)
        return
    with _one_thread():
        for task in tasks:
            yield _train_here(task, workshop, device, wait)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Train as a process of many does: more threads round differently, and a model's address does not tell."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _train_here(task: Task, workshop: Workshop, device: torch.device, wait: bool) -> Outcome:
    with workshop.store.claim(task.address, wait=wait) as claim:
        if claim is None:
            return Outcome(task.number, None)
        if claim.stored is not None:
            return Outcome(task.number, False)
        began = time.perf_counter()
        (network,) = _train([task], workshop, device)
        _keep(task, claim, network, workshop, device, seconds=time.perf_counter() - began)
        return Outcome(task.number, True)


def _train(tasks: Sequence[Task], workshop: Workshop, device: torch.device) -> list[Normalised]:
    """Return trained copies of the tasks' networks, which stay as they are, should they be needed again."""
    networks = [copy.deepcopy(task.network) for task in tasks]
    members = torch.stack([task.members for task in tasks])
    workshop.recipe.fit(networks, workshop.pool, members, seeds=[task.seed for task in tasks], device=device)
    return networks


def _keep(
    task: Task, claim: Claim, network: Normalised, workshop: Workshop, device: torch.device, *, seconds: float
) -> None:
    began, model = time.perf_counter(), Target(network, device=device)
    outputs = {"pool": model.answer(workshop.pool), "test": model.answer(workshop.test)}
    if not all(answers.isfinite().all() for answers in outputs.values()):
        raise UserError(
            f"shadow.lr={workshop.recipe.lr}: shadow model {task.number} answers with numbers that are not "
            "finite; use a smaller learning rate."
        )
    work = Work(len(task.members), workshop.recipe.epochs, len(workshop.pool) + len(workshop.test))
    cost = work.cost(seconds + time.perf_counter() - began, device)
    claim.keep(StoredModel(network.network.state_dict(), outputs, cost=cost))


def _train_stacked(tasks: Sequence[Task], workshop: Workshop, device: torch.device, wait: bool) -> Iterator[Outcome]:
    waiting = list(tasks)
    chunk = _chunk_that_fits(waiting, workshop, device) if len(waiting) > 1 else 1
    while waiting:
        part = waiting[:chunk]
        with ExitStack() as held:
            claims = [held.enter_context(workshop.store.claim(task.address, wait=wait)) for task in part]
            todo = [(task, claim) for task, claim in zip(part, claims, strict=True) if claim and claim.stored is None]
            if todo:
                began = time.perf_counter()
                networks = _try([task for task, _ in todo], workshop, device)
                if isinstance(networks, int):
                    chunk = networks
                    continue
                share = (time.perf_counter() - began) / len(todo)
                for (task, claim), network in zip(todo, networks, strict=True):
                    _keep(task, claim, network, workshop, device, seconds=share)
        yield from (
            Outcome(task.number, None if claim is None else claim.stored is None)
            for task, claim in zip(part, claims, strict=True)
        )
        del waiting[:chunk]


def _try(tasks: Sequence[Task], workshop: Workshop, device: torch.device) -> list[Normalised] | int:
    """Train tasks as one stacked model; where that fails, return how many may be tried instead."""
    try:
        return _train(tasks, workshop, device)
    except torch.OutOfMemoryError as error:
        if len(tasks) == 1:
            raise UserError(
                "trainer=gpu: the GPU's memory is too small for one shadow model; use trainer=cpu."
            ) from error
        return len(tasks) // 2
    except RuntimeError as error:
        if len(tasks) == 1:
            raise
        log.warning("shadow: %s cannot be stacked (%s): its models are trained one by one.",
                    type(tasks[0].network.network).__name__, str(error).splitlines()[0])  # fmt: skip
        return 1


def _chunk_that_fits(tasks: Sequence[Task], workshop: Workshop, device: torch.device) -> int:
    """Return how many models fit into a GPU's free memory, by what one step of two of them takes."""
    if device.type != "cuda":
        return len(tasks)
    step = workshop.pool.take(tasks[0].members[: workshop.recipe.batch_size])
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    try:
        replace(workshop.recipe, epochs=1).fit(
            [copy.deepcopy(task.network) for task in tasks[:2]],
            step,
            torch.arange(len(step)).expand(2, -1),
            seeds=[0, 0],
            device=device,
        )
    except RuntimeError:  # told when it is tried
        return 2
    taken = (torch.cuda.max_memory_allocated(device) - before) / 2
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(len(tasks), int((0.8 * free - workshop.pool.images.numel()) / taken)))
