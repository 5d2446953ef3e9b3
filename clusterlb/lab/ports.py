"""The ports that a real server listens on."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory, Pool, Service
from clusterlb.model.ipvs import Protocol

ANY = (80, 8080)  # for a service that takes every port
_MOST = 256  # most ports of a range: every port costs a socket


def ports_of(
    inventory: Inventory, addresses: Collection[IPAddress]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the TCP and the UDP ports that the host with these addresses listens on.

    These are the ports of its members, of the services that keep the client's port, and of its checks,
    without those of SCTP.
    """
    tcp: set[int] = set()
    udp: set[int] = set()
    for vip in inventory.vips.values():
        for service in vip.services:
            found = set(_served(inventory.pools[service.pool], service, addresses))
            # a firewall mark service does not say which protocol the operator marks
            if service.protocol is Protocol.TCP or service.fwmark:
                tcp |= found
            if service.protocol is Protocol.UDP or service.fwmark:
                udp |= found
    for pool in inventory.pools.values():
        tcp |= set(_checked(pool, addresses))
    return tuple(sorted(tcp - {0})), tuple(sorted(udp - {0}))


def _served(pool: Pool, service: Service, addresses: Collection[IPAddress]) -> Iterator[int]:
    members = {member.port for member in pool.members if member.address in addresses}
    if pool.sorry is not None and pool.sorry.address in addresses:
        members.add(pool.sorry.port)
    yield from members
    if members and service.keeps_port:
        yield from ANY if not service.ports else ()
        for first, last in service.ports:
            yield from range(first, min(last, first + _MOST - 1) + 1)
            yield last


def _checked(pool: Pool, addresses: Collection[IPAddress]) -> Iterator[int]:
    for member in pool.members:
        if member.address in addresses:
            yield member.port
            yield from (check.port for check in pool.checks_of(member) if check.port)
