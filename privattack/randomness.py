"""One seed, many streams: every random choice draws from its own generator.

A stream is named after what it decides (`"split"`, `"queries"`, ...), so that one draw more in one
place changes no other.
"""

import hashlib

import torch


def derive(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed that depends on `seed` and on every name, and on nothing else."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator of its own for the stream `names` of `seed`."""
    return torch.Generator().manual_seed(derive(seed, *names))
