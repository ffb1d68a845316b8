"""What attacks are given in tests in place of a service."""

from privattack.service import Service


class Front(Service):
    """All that an attack may touch of a service: anything else about it is missing."""

    def __init__(self, service: Service) -> None:
        self.query = service.query
        self.reveals = service.reveals
        self.imitation = service.imitation
