"""The server's own settings."""

from typing import Annotated

from pydantic import Field

from privattack.checks import Count, PathText, checked
from privattack.errors import SettingError

Port = Annotated[int, Field(ge=0, le=65_535)]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@checked
class Serving:
    """The server's own settings.

    Args:
        host, port: where it listens; only programs on the same machine reach the default.
        metrics_port: where Prometheus finds `/metrics`; null for nowhere.
        name: of the model; null for the target's.
        clients: the file of API keys and budgets, on a local disk.
        add: lets a client of this name in, with
        budget: so many images, and ends.
        without_key: how many images everybody without a key may ask about, all together; null for none at all.
        rate: how many images a client may ask about in a minute; null for any number.
        most_images: of a request.
        most_bytes: of a request's body.

    Raises:
        SettingError: other machines could ask without a key.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: Port = 8000,
        metrics_port: Port | None = 8001,
        name: str | None = None,
        clients: PathText = "outputs/clients.sqlite",
        add: str | None = None,
        budget: Count = 10_000,
        without_key: Count | None = 100_000,
        rate: Count | None = None,
        most_images: Count = 1024,
        most_bytes: Count = 64 * 2**20,
    ) -> None:
        if host not in LOOPBACK and without_key is not None:
            raise SettingError({"host": host}, "lets other machines ask without a key; set serve.without_key=null")
        self.host = host
        self.port = port
        self.metrics_port = metrics_port
        self.name = name
        self.clients = clients
        self.add = add
        self.budget = budget
        self.without_key = without_key
        self.rate = rate
        self.most_images = most_images
        self.most_bytes = most_bytes
