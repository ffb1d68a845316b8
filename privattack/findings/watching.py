"""The sentence about a monitor: whether it saw the attack, and what it says of honest clients."""

import statistics

from privattack.findings.subjects import Finding, Subject
from privattack.results.figures import share


def monitor_sees(subject: Subject) -> Finding | None:
    """Whether the monitor raised the alarm, after how many queries, and how often honest clients raise it."""
    watching = subject.result.watching
    if watching is None:
        return None
    after = f", after {statistics.median(watching.queries):,.0f} queries in the median" if watching.queries else ""
    claim = "the monitor does not see the attack" if not watching.queries else "the monitor sees the attack"
    sentence = (
        f"{claim}: it raises the alarm in {share(watching.alarms)} of the attackers' sessions{after}, and in "
        f"{share(watching.false_alarms)} of those of honest clients who ask about {watching.client_images:,} images."
    )
    return Finding(watching.alarms.known.value, sentence, (claim,))
