"""A victim behind somebody's HTTP API: needs the extra `remote`."""

from importlib.util import find_spec

from privattack.errors import UserError

if find_spec("httpx") is None:
    raise UserError("victim=remote: httpx is not installed; pip install 'privattack[remote]' brings it.")
