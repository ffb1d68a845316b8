"""Images that must be others than those they are compared with."""

import logging
from collections.abc import Collection

from privattack.data.images import LabelledImages
from privattack.errors import UserError

log = logging.getLogger(__name__)


def check_apart(name: str, images: LabelledImages, others: Collection[bytes], *, so: str) -> None:
    """Refuse images that are all among others, by their digests, and say it of some.

    Args:
        name: what they are, in the sentence.
        so: what follows for those that are.

    Raises:
        UserError: all are.
    """
    shared = sum(digest in others for digest in images.digests)
    if shared and shared == len(images):
        raise UserError(f"{name}: all {shared} images {so}; give other images.")
    if shared:
        log.warning("%s: %d of %d images %s.", name, shared, len(images), so)
