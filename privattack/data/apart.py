"""Images that must be others than those they are compared with."""

import logging

from privattack.data.images import LabelledImages, digests
from privattack.errors import UserError

log = logging.getLogger(__name__)


def check_apart(name: str, images: LabelledImages, others: LabelledImages, *, so: str) -> None:
    """Refuse images that are all among others, and say it of some.

    Args:
        name: what they are, in the sentence.
        so: what follows for those that are.

    Raises:
        UserError: all are.
    """
    # Of the bytes that images are kept in: a quarter of those that a service sees.
    known = set(digests(others.images))
    shared = sum(digest in known for digest in digests(images.images))
    if shared and shared == len(images):
        raise UserError(f"{name}: all {shared} images {so}; give other images.")
    if shared:
        log.warning("%s: %d of %d images %s.", name, shared, len(images), so)
