"""Puts privacy claims about a model API to the test: model extraction and membership inference.

`run` does what the command line does, `load` reads results, `audit` attacks a model of your own.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privattack.api.audit import audit
    from privattack.api.results import Results, load
    from privattack.api.run import run
    from privattack.errors import UserError

__version__ = "0.1.0"
__all__ = ["Results", "UserError", "__version__", "audit", "load", "run"]

# Imported when they are asked for: PyTorch takes seconds, and `--help` needs nothing of it.
_PLACES = {
    "Results": "privattack.api.results",
    "UserError": "privattack.errors",
    "audit": "privattack.api.audit",
    "load": "privattack.api.results",
    "run": "privattack.api.run",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
