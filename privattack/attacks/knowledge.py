"""What an attacker knows."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field


class Knowledge(StrEnum):
    """How much an attacker knows of the service, in the words of results and reports."""

    PUBLISHED = "published"  # the attack as its paper or the original study ran it
    ADAPTIVE = "adaptive"  # knows which defence is in place
    BLIND = "blind"  # never queries, sees the images only
    NO_QUERY = "no_query"  # never queries, trains on labels of its own


# The attackers that an attack offers.
Querying = Annotated[Sequence[Literal["published", "adaptive"]], Field(min_length=1)]
Attackers = Annotated[Sequence[Literal["published", "adaptive", "no_query"]], Field(min_length=1)]
