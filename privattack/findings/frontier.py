"""The sentences about defences side by side: which are worth what their users pay."""

from collections.abc import Sequence

from privattack.findings.contests import placed
from privattack.findings.subjects import aloud, joined
from privattack.results.differences import is_clear
from privattack.results.frontier import Frontier

FEWEST = 4  # defences, the undefended service among them, from which it is worth saying


def fronts(found: Sequence[Frontier]) -> list[str]:
    """Return for each frontier which defences lie on the front, and which cost the strongest attacker nothing."""
    told = [frontier for frontier in found if len(frontier.points) >= FEWEST]
    sentences = []
    for frontier in told:
        several = len(told) > 1
        names = joined([aloud(one.name) for one in frontier.front])
        lie = "lie" if len(frontier.front) > 1 else "lies"
        sentences.append(
            placed(
                frontier.title,
                f"on the front of {len(frontier.points)} services {lie} {names}: behind each other one the strongest "
                "attacker does no worse, and honest users get no better answers, than behind one of these.",
                several=several,
            )
        )
        losses = {one.name: frontier.lost(one) for one in frontier.points}
        useless = [name for name, lost in losses.items() if lost is not None and lost.given and not is_clear(lost)]
        if useless:
            sentences.append(
                placed(
                    frontier.title,
                    f"compared image by image, the strongest attacker loses nothing that can be measured to "
                    f"{joined(useless)}.",
                    several=several,
                )
            )
    return sentences
