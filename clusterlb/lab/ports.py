"""The ports that a real server listens on."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory, Pool, Service
from clusterlb.model.ipvs import Protocol

ANY = (80, 8080)  # where a service takes every port
_MOST = 256  # of a range; the sockets of a wider one would only cost


def ports_of(
    inventory: Inventory, addresses: Collection[IPAddress]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the TCP and the UDP ports that the host with these addresses listens on.

    They are those of its members, of the services that keep the client's port, and of its checks. SCTP has
    none here.
    """
    tcp: set[int] = set()
    udp: set[int] = set()
    for vip in inventory.vips.values():
        for service in vip.services:
            found = set(_served(inventory.pools[service.pool], service, addresses))
            # which protocol a firewall mark of the operator's means is not known
            if service.protocol is Protocol.TCP or service.fwmark:
                tcp |= found
            if service.protocol is Protocol.UDP or service.fwmark:
                udp |= found
    for pool in inventory.pools.values():
        tcp |= set(_checked(pool, addresses))
    return tuple(sorted(tcp - {0})), tuple(sorted(udp - {0}))


def _served(pool: Pool, service: Service, addresses: Collection[IPAddress]) -> Iterator[int]:
    own = {member.port for member in pool.members if member.address in addresses}
    if pool.sorry is not None and pool.sorry.address in addresses:
        own.add(pool.sorry.port)
    yield from own
    if own and service.keeps_port:
        yield from ANY if not service.ports else ()
        for first, last in service.ports:
            yield from range(first, min(last, first + _MOST - 1) + 1)
            yield last


def _checked(pool: Pool, addresses: Collection[IPAddress]) -> Iterator[int]:
    for member in pool.members:
        if member.address in addresses:
            yield member.port
            yield from (check.port for check in pool.checks_of(member) if check.port)
