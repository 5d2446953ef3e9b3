"""Marks that lead a probe through IPVS to exactly one member.

A packet that carries a firewall mark is looked up by that mark before its address (ip_vs_service_find() in
net/netfilter/ipvs/ip_vs_ctl.c). So each member of each service that is checked through the VIP gets a private
service of its own, a mark with that member as the only destination.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from clusterlb.model.address import IPAddress, family_of
from clusterlb.model.check import Via
from clusterlb.model.health import Through
from clusterlb.model.inventory import Endpoint, Inventory, Member, Pool, Service
from clusterlb.model.ipvs import Protocol, ServiceKey

FIRST = 0x43000000  # "C"; marks of ours are FIRST up to FIRST + SPAN - 1
SPAN = 1 << 24


class Way(NamedTuple):
    """The private service that leads to one member of one service."""

    pool: str
    member: Member
    service: Service
    through: Through

    @property
    def key(self) -> ServiceKey:
        """Return the kernel's name for the private service."""
        return ServiceKey(
            family_of(self.through.vip.address), Protocol.NONE, None, 0, fwmark=self.through.mark
        )


def ways(inventory: Inventory) -> Iterator[Way]:
    """Yield a way for each member that is checked through a VIP, for each service that uses it.

    The mark comes from what the way connects, so that it is the same after a reload and on every director.
    """
    taken: set[int] = set()
    for vip in inventory.vips.values():
        for service in vip.services:
            pool = inventory.pools[service.pool]
            for member in pool.members:
                if any(check.via is Via.VIP for check in pool.checks_of(member)):
                    mark = _mark(vip.address, service, member, taken)
                    yield Way(pool.name, member, service, Through(Endpoint(vip.address, service.port), mark))


def uses_vip(pool: Pool) -> bool:
    """Say whether some member of a pool is checked through the VIP."""
    return any(check.via is Via.VIP for member in pool.members for check in pool.checks_of(member))


def _mark(vip: IPAddress, service: Service, member: Member, taken: set[int]) -> int:
    text = f"{vip} {service.protocol.name} {service.port} {member.endpoint}"
    number = crc32(text.encode()) % SPAN
    while number in taken:
        number = (number + 1) % SPAN
    taken.add(number)
    return FIRST + number
