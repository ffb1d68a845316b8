"""What an attacker knows."""

from collections.abc import Sequence
from enum import StrEnum

from privattack.errors import UserError


class Knowledge(StrEnum):
    """How much an attacker knows of the service, in the words of results and reports."""

    PUBLISHED = "published"  # the attack as its paper or the original study ran it
    ADAPTIVE = "adaptive"  # knows which defence is in place
    BLIND = "blind"  # never queries, sees the images only
    NO_QUERY = "no_query"  # never queries, trains on labels of its own


def chosen(attackers: Sequence[str], offered: Sequence[Knowledge]) -> list[Knowledge]:
    """Return the attackers that `attack.attackers` names.

    Raises:
        UserError: it names none, or one that is not offered.
    """
    if isinstance(attackers, str) or not attackers or not set(attackers) <= set(offered):
        shown = attackers if isinstance(attackers, str) else f"[{', '.join(attackers)}]"
        raise UserError(f"attack.attackers={shown}: needs a list of one or more of {', '.join(offered)}.")
    return [Knowledge(attacker) for attacker in attackers]
