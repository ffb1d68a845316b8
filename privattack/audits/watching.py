"""The judge of a monitor: which sessions raise the alarm, attackers' and honest users'."""

import time
from collections.abc import Sequence

import numpy as np

from privattack import metrics
from privattack.data.images import DataSet
from privattack.monitors.base import Watched
from privattack.randomness import derive
from privattack.results.result import Watching
from privattack.service import Service
from privattack.victims import LocalVictim, Victim

IMAGES = 1_000  # of an honest client: test images in natural order


def watching_of(victims: Sequence[Victim], services: Sequence[Service], data: DataSet, *, seed: int) -> Watching | None:
    """Return what a monitor saw of a run's sessions, and what it says of honest clients; None where nobody watches.

    Args:
        services: the attackers' sessions.
        seed: the run's.
    """
    victim = victims[0]
    if not isinstance(victim, LocalVictim) or not isinstance(victim.defence, Watched):
        return None
    found = [service.alarm for service in services]
    honest, seconds = [], 0.0
    for number, part in enumerate(data.test.parts(IMAGES)):
        session, pixels = victim.defence.honest(derive(seed, "honest client", number)), part.pixels()
        said = victim.judge(pixels)
        started = time.perf_counter()
        session(said, pixels)
        seconds += time.perf_counter() - started
        honest.append(session.alarm is not None)
    return Watching(
        alarms=metrics.proportion(np.array([one is not None for one in found])),
        queries=[one for one in found if one is not None],
        false_alarms=metrics.proportion(np.array(honest)),
        client_images=min(IMAGES, len(data.test)),
        microseconds=1e6 * seconds / len(data.test),
    )
