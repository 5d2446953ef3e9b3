"""Which firewall mark each thing gets, out of the ranges of ``model.marks``.

A packet that carries a firewall mark is looked up by that mark before its address (ip_vs_service_find() in
net/netfilter/ipvs/ip_vs_ctl.c). So each member of each service that is checked through the VIP gets a private
service of its own, a mark with that member as the only destination; and a service of several ports, or of
several VIPs, is one service in the kernel.

A mark is computed from what it stands for, so it is the same after a reload and on every director.
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
from clusterlb.model.marks import DIRECTOR_MARKS, PROBE_MARKS, SERVICE_MARKS, UNKNOWN_OWNER


class ProbeService(NamedTuple):
    """The private virtual service that leads probes to one member of one service."""

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


def probe_services(inventory: Inventory) -> Iterator[ProbeService]:
    """Yield one for each member that is checked through a VIP and each service that uses the member."""
    taken: set[int] = set()
    for vip in inventory.vips.values():
        for service in vip.services:
            pool = inventory.pools[service.pool]
            for member in pool.members:
                if any(check.via is Via.VIP for check in pool.checks_of(member)):
                    name = service.name
                    text = f"{vip.address} {name.protocol.name} {name.number} {member.endpoint}"
                    port = member.port if service.keeps_port else service.port
                    mark = unused_mark(text, taken, PROBE_MARKS)
                    through = Through(Endpoint(vip.address, port), mark)
                    yield ProbeService(pool.name, member, service, through)


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
                marks[vip.address, service.name] = unused_mark(text, taken, SERVICE_MARKS)
    return marks


def uses_vip(pool: Pool) -> bool:
    """Say whether some member of a pool is checked through the VIP."""
    return any(check.via is Via.VIP for member in pool.members for check in pool.checks_of(member))


def director_marks(directors: Iterable[str]) -> dict[str, int]:
    """Return each director's mark, by name."""
    taken: set[int] = set()
    marks = DIRECTOR_MARKS[: DIRECTOR_MARKS.index(UNKNOWN_OWNER)]
    return {name: unused_mark(name, taken, marks) for name in sorted(directors)}


def unused_mark(text: str, taken: set[int], marks: range) -> int:
    """Return the mark that a text hashes to, or the next one that is not taken; add it to ``taken``."""
    place = crc32(text.encode()) % len(marks)
    while marks[place] in taken:
        place = (place + 1) % len(marks)
    taken.add(marks[place])
    return marks[place]
