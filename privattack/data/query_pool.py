"""The query pool: the images that an extraction attack owns and may ask about."""

from dataclasses import dataclass

from privattack.data.images import LabelledImages


@dataclass(frozen=True, eq=False)
class QueryPool:
    """Images that an attacker owns.

    Attributes:
        images: with the classes that the attackers themselves give them.
        classes: how many classes the target has.
        has_labels: whether the images' classes are the target's, so that a model can be trained without a query.
    """

    images: LabelledImages
    classes: int
    has_labels: bool = True
