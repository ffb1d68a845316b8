"""What an attacker knows."""

from enum import StrEnum


class Knowledge(StrEnum):
    """How much an attacker knows of the service, in the words of results and reports."""

    PUBLISHED = "published"  # the attack as its paper or the original study ran it
    ADAPTIVE = "adaptive"  # knows which defence is in place
    BLIND = "blind"  # never queries, sees the images only
    NO_QUERY = "no_query"  # never queries, trains on labels of its own
