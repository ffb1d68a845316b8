"""Files that cannot be used: named, put aside, made again."""

import logging
import pickle
import struct
import time
import zipfile
from pathlib import Path

from safetensors import SafetensorError

log = logging.getLogger(__name__)

# All that torch.load, safetensors and json were seen to raise on damaged bytes.
DAMAGED = (
    EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RuntimeError,
    struct.error, pickle.UnpicklingError, zipfile.BadZipFile, SafetensorError,
)  # fmt: skip


def set_aside(path: Path, why: str) -> None:
    """Rename what cannot be used, and say so."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    path.replace(aside)
    reason = why.splitlines()[0] if why else "unreadable"
    log.warning("%s is damaged (%s); it is now %s and is made again.", path, reason, aside.name)
