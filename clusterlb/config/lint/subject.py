"""One service of one VIP with its pool, the subject of most checks of services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from clusterlb.config.item import Everything, Item, Placed
from clusterlb.config.nodes import Path, find, plain
from clusterlb.config.source import Position
from clusterlb.model.address import Endpoint
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Pool, Service, Vip
from clusterlb.model.ipvs import Protocol

PORT_KEYS = ("port", "ports", "fwmark")
_SORRY: Path = ("sorry",)


class Reach(NamedTuple):
    """A member or the sorry server of a service's pool: its path in the pool, and the forwarding method."""

    path: Path
    endpoint: Endpoint
    method: Forwarding


class Subject(NamedTuple):
    """One service: its VIP, its index in the VIP, and its pool if the pool is valid."""

    vip: Placed[Vip]
    number: int
    service: Service
    pool: Placed[Pool] | None

    @property
    def item(self) -> Item:
        """The VIP as it is written."""
        return self.vip.item

    @property
    def path(self) -> tuple[str, int]:
        """Where the service stands in its VIP."""
        return ("services", self.number)

    @property
    def written_flags(self) -> list[str]:
        """The flags in the order of the file."""
        node = find(self.item.node, (*self.path, "flags"))
        return [] if node is None else plain(node) or []

    @property
    def port_keys(self) -> list[str]:
        """The keys that select packets; a valid service has one of them."""
        nodes = ((key, find(self.item.node, (*self.path, key))) for key in PORT_KEYS)
        return [key for key, node in nodes if node is not None and plain(node) is not None]

    @property
    def knows_ports(self) -> bool:
        """Whether the service's ports, or its mark, are those that the operator meant."""
        return len(self.port_keys) == 1 and self.sure(*PORT_KEYS)

    @property
    def ports(self) -> str:
        """Its ports in words, without the protocol."""
        return ", ".join(map(str, self.service.ports)) or str(self.service.port)

    def sure(self, *keys: str) -> bool:
        """Say whether these keys of the service have the values that the operator meant."""
        return self.vip.sure(self.path, *keys)

    def at(self, *path: str | int) -> Position:
        """Return the place of a value of the service; where it is missing, of the innermost key above it."""
        return self.item.at(*self.path, *path)

    def reaches(self) -> Iterator[Reach]:
        """Yield the members of its pool, then the sorry server."""
        if self.pool is None:
            return
        method, pool = self.service.forwarding, self.pool.value
        for index, member in enumerate(pool.members):
            yield Reach(("members", index), member.endpoint, member.forwarding or method)
        if pool.sorry:
            endpoint = Endpoint(pool.sorry.address, pool.sorry.port)
            yield Reach(_SORRY, endpoint, pool.sorry.forwarding or method)

    def sure_of(self, reach: Reach) -> bool:
        """Say whether packets reach a member as the operator meant."""
        assert self.pool is not None  # noqa: S101 - it is its pool's
        own = self.pool.item.has(*reach.path, "forwarding")
        return self.pool.sure(reach.path, "forwarding") and (own or self.sure("forwarding"))

    def __str__(self) -> str:
        name = self.service.name
        if name.protocol is Protocol.NONE:
            return f"fwmark {name.number} of VIP {self.item.name}"
        return f"{name.protocol.name.lower()} {self.ports} of VIP {self.item.name}"


def subjects(everything: Everything) -> Iterator[Subject]:
    """Yield every service of every VIP."""
    for placed in everything.vips.values():
        for index, service in enumerate(placed.value.services):
            yield Subject(placed, index, service, everything.pools.get(service.pool))
