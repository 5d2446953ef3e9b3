"""The firewall marks that clusterlb gives to packets.

A packet that carries a firewall mark is looked up by that mark before its address (ip_vs_service_find() in
net/netfilter/ipvs/ip_vs_ctl.c). So each member of each service that is checked through the VIP gets a private
service of its own, a mark with that member as the only destination; and a service of several ports, or of
several VIPs, is one service in the kernel.

All marks come from what they stand for, so that they are the same after a reload and on every director.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

from clusterlb.model.address import Endpoint, IPAddress, family_of
from clusterlb.model.check import Via
from clusterlb.model.health import Through
from clusterlb.model.inventory import Inventory, Member, Pool, Service, ServiceName, Vip
from clusterlb.model.ipvs import Protocol, ServiceKey

SPAN = 1 << 24  # of each kind's marks, from its first on
FIRST = 0x43000000  # "C"; the probes' marks
FIRST_OF_SERVICES = 0x44000000
FIRST_OF_DIRECTORS = 0x45000000  # SNAT pools' marks, and the routing tables to other directors
FIRST_OF_REPLIES = 0x46000000
RESERVED = range(FIRST, FIRST_OF_REPLIES + SPAN)
"""Every mark that clusterlb gives or takes as its own: an operator's are others."""


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
    """Yield a way for each member that is checked through a VIP, for each service that uses it."""
    taken: set[int] = set()
    for vip in inventory.vips.values():
        for service in vip.services:
            pool = inventory.pools[service.pool]
            for member in pool.members:
                if any(check.via is Via.VIP for check in pool.checks_of(member)):
                    name = service.name
                    text = f"{vip.address} {name.protocol.name} {name.number} {member.endpoint}"
                    port = member.port if service.keeps_port else service.port
                    through = Through(Endpoint(vip.address, port), FIRST + unused_number(text, taken, SPAN))
                    yield Way(pool.name, member, service, through)


def service_marks(vips: Iterable[Vip]) -> dict[tuple[IPAddress, ServiceName], int]:
    """Return the mark of each service that has several ports or several VIPs, by its main VIP and its name.

    ``vips`` has each group once. A service keeps its mark while its VIP and its lowest port stay.
    """
    taken: set[int] = set()
    marks = {}
    for vip in vips:
        for service in vip.services:
            if (service.ports or vip.group) and not service.fwmark:
                text = f"{vip.address} {service.name}"
                marks[vip.address, service.name] = FIRST_OF_SERVICES + unused_number(text, taken, SPAN)
    return marks


def uses_vip(pool: Pool) -> bool:
    """Say whether some member of a pool is checked through the VIP."""
    return any(check.via is Via.VIP for member in pool.members for check in pool.checks_of(member))


def unused_number(text: str, taken: set[int], span: int) -> int:
    """Return a number below ``span`` that comes from a text, and take it."""
    number = crc32(text.encode()) % span
    while number in taken:
        number = (number + 1) % span
    taken.add(number)
    return number
