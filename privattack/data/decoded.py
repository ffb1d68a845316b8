"""A cache of decoded images, addressed by what the files hold.

    <cache>/<listing>.content       the address of what files of these names, sizes and times hold
            <content>.safetensors   the images, which of the files they are, and a checksum of the images

Where names, sizes and times are those of an earlier start, no file is opened. Otherwise all are read, and decoded
only if no images lie at the address of their bytes. The cache may be deleted at any time.
"""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from jaxtyping import Int64, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from privattack.atomic_write import write_whole
from privattack.data.image_files import Colour, Size, decode, in_parallel
from privattack.errors import SettingError

VERSION = 2  # of how files are decoded

log = logging.getLogger(__name__)


class ListedFile(NamedTuple):
    """A file below a folder as it is on disk now: its path there, bytes, time of change in nanoseconds."""

    name: str
    size: int
    modified: int


def listed(folder: Path, paths: Sequence[str]) -> tuple[ListedFile, ...]:
    """Return the files at `paths`, which all begin with that of the folder, as they are now."""
    start = len(os.path.join(folder, ""))
    stats = ((path[start:], os.stat(path)) for path in paths)
    return tuple(ListedFile(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


class Decoded(NamedTuple):
    """Images, and which of the files each is."""

    images: UInt8[Tensor, "n c h w"]
    places: Int64[Tensor, " n"]


def decoded(
    folder: Path,
    files: Sequence[ListedFile],
    *,
    path: str,
    size: Size | None,
    colour: Colour | None,
    cache: str,
    skip: bool = False,
) -> Decoded:
    """Return the images in the order of the files; see `decode`, which is asked where they are not in the cache.

    Raises:
        SettingError: a file is no image that fits, or the cache cannot be written.
    """
    names = [file.name for file in files]
    store = Path(os.path.normpath(Path(cache).expanduser()))
    listing = _hash([VERSION, size, colour, skip, str(folder.resolve()), files])
    try:
        store.mkdir(parents=True, exist_ok=True)
        with FileLock(store / f"{listing}.lock"):
            known = store / f"{listing}.content"
            if (
                known.is_file()
                and (found := _read(store / f"{known.read_text(errors='replace')}.safetensors")) is not None
            ):
                return found
            log.info("Reading %d images below %s", len(names), folder)
            hashes = in_parallel(lambda name: hashlib.blake2b((folder / name).read_bytes()).hexdigest(), names)
            content = _hash([VERSION, size, colour, skip, list(zip(names, hashes, strict=True))])
            kept = store / f"{content}.safetensors"
            if (found := _read(kept)) is None:
                found = Decoded(*decode(folder, names, path=path, size=size, colour=colour, skip=skip))
                write_whole(kept, save(found._asdict(), {"checksum": _checksum(found.images)}))
            write_whole(known, content.encode())
            return found
    except OSError as error:
        raise SettingError(
            {"cache": cache, "path": path},
            f"decoded images cannot be kept, or files not be read ({error}); set cache to a folder that you can write",
        ) from error


def _read(path: Path) -> Decoded | None:
    """Return the images at an address, mapped into memory; None where they are not there whole."""
    try:
        with safe_open(path, framework="pt") as opened:
            found = Decoded(*map(opened.get_tensor, Decoded._fields))
            if opened.metadata()["checksum"] == _checksum(found.images):
                return found
            why: object = "its checksum is another"
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, LookupError, TypeError) as error:
        why = error
    log.warning("%s is damaged (%s): the images are decoded again", path, why)
    return None


def _checksum(images: UInt8[Tensor, "n c h w"]) -> str:
    return hashlib.sha256(images.numpy().data).hexdigest()


def _hash(content: object) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()
