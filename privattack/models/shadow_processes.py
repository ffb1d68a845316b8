"""Shadow models trained side by side in processes, of which any may be killed: another trains its model again.

Not by a pool of `concurrent.futures` or loky: there one killed process ends all others, and one that is killed while it
starts can hang the run, for what it was to read goes through a pipe that the pool itself keeps open.
"""

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch

log = logging.getLogger(__name__)

KILLED = (EOFError, OSError)  # what a process's end of a connection leaves


def in_processes(work: Callable[[Any], Any], items: Sequence[Any], *, processes: int) -> Iterator[Any]:
    """Yield what `work` returns for each item as soon as it is known, from processes of one thread each.

    An item whose process is killed goes to another. Where no process is left, those that are not done are left out.

    Args:
        work: can be pickled, and its items, too.

    Raises:
        Exception: whatever `work` raises.
    """
    sent, waiting = pickle.dumps(work), [*reversed(items)]
    idle: list[Connection] = []
    busy: dict[Connection, Any] = {}
    workers = _start(processes)
    try:
        while workers and (waiting or busy):
            for end in wait([*workers]):
                assert isinstance(end, Connection)
                try:
                    answer = pickle.loads(end.recv_bytes())
                except KILLED:
                    process = workers.pop(end)
                    process.join()
                    waiting += [busy.pop(end)] if end in busy else []
                    idle = [one for one in idle if one is not end]
                    others = f"the other {len(workers)}" if workers else "the run's own process"
                    log.warning("shadow.processes=%d: a process that trains shadow models was killed (exit status %s), "
                                "as for want of memory; what it was at is trained again by %s.",
                                processes, process.exitcode, others)  # fmt: skip
                    continue
                if end not in busy:  # it is there
                    with suppress(*KILLED):
                        end.send_bytes(sent)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    del busy[end]
                    yield answer
                idle.append(end)
            while idle and waiting:
                end = idle.pop()
                busy[end] = waiting.pop()
                with suppress(*KILLED):  # told when it is waited for
                    end.send_bytes(pickle.dumps(busy[end]))
    finally:
        for process in workers.values():
            process.terminate()
            process.join()


def _start(processes: int) -> dict[Connection, BaseProcess]:
    """Start processes that wait for work, and return each by this process's end of the connection to it."""
    # Not forked: a process that has used its threads may hang in a copy of it.
    context = multiprocessing.get_context("spawn")
    workers: dict[Connection, BaseProcess] = {}
    resource_tracker.ensure_running()  # which lets interrupts through when it starts
    with _uninterrupted():
        for _ in range(processes):
            near, far = context.Pipe()
            process = context.Process(target=_serve, args=(far, os.getpid()), daemon=True)
            try:
                process.start()
            except OSError as error:  # as for want of memory
                log.warning("shadow.processes=%d: only %d could be started (%s).", processes, len(workers), error)
                break
            far.close()
            workers[near] = process
    return workers


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C pass by the processes that are started: the run itself is interrupted, and ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(end: Connection, parent: int) -> None:
    """Work until the run ends, even killed.

    All is sent as bytes: tensors would be files in shared memory, which are few in a container.
    """

    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    with suppress(*KILLED):
        end.send_bytes(pickle.dumps(None))
        sent, work = end.recv_bytes(), None
        while True:
            item = end.recv_bytes()
            try:
                work = work or pickle.loads(sent)
                answer = work(pickle.loads(item))
            except Exception as error:
                error.add_note(traceback.format_exc())
                answer = error if can_be_sent(error) else RuntimeError(traceback.format_exc())
            end.send_bytes(pickle.dumps(answer))


def end_with(parent: int) -> None:
    """End this process, in the middle of whatever it does, once the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def can_be_sent(error: Exception) -> bool:
    """Say whether an exception, whose class may be anybody's, arrives as it was."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True
