"""How near the source ports of our own addresses are to running out, and what to do about it.

``snat`` without a port range keeps the source port where it is free, and else takes a free one of its class:
1 to 511, 600 to 1023 or 1024 to 65535. It tries 128 in a row from a random one, then 64, 32, 16 and 8 from
others, and when all of these are taken the packet is dropped (nf_nat_l4proto_unique_tuple,
net/netfilter/nf_nat_core.c, Linux 6.1). A port is taken when the same protocol, remote address and remote
port have it already (nf_nat_used_tuple). With 90 of 100 ports taken at random a search all but never fails;
with 98 it fails for 7 connections of 1,000, with 99 for 8 of 100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.port_use import AddressKind, AddressUse

CLIENT_PORTS = 65535 - 1024 + 1
"""What one address has towards one remote, for clients whose own source port is 1024 or higher."""

MARGIN = 0.05  # share that must be free again below a level's threshold, so that it does not flap


class Level(IntEnum):
    """How pressing it is."""

    FINE = 0
    WARNING = 1
    CRITICAL = 2


_FROM = {Level.WARNING: 0.70, Level.CRITICAL: 0.90}


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """What one address is for, and what an operator can do when its ports run out."""

    kind: AddressKind
    remedy: str


@dataclass(frozen=True, slots=True)
class PortAlarm:
    """An address whose ports run out, in words an operator can act on."""

    level: Level
    text: str

    def __str__(self) -> str:
        return f"{self.level.name.lower()}: {self.text}"


def translated_addresses(inventory: Inventory, director: Director) -> dict[IPAddress, OwnAddress]:
    """Return the addresses that this director may translate sources to.

    Those of SNAT pools are its own and those whose backup it is; local addresses count when a service uses
    them.
    """
    found: dict[IPAddress, OwnAddress] = {}
    if inventory.has_fullnat:
        remedy = (
            f"add local_addresses to director {director.name}, members to the pool, "
            "or spread over more directors"
        )
        own = OwnAddress(AddressKind.LOCAL, remedy)
        found |= dict.fromkeys(director.local_addresses, own)
    for pool in inventory.snat_pools.values():
        for owner, addresses in pool.addresses.items():
            remedy = f"add addresses of {owner} to SNAT pool {pool.name}, or spread over more directors"
            own = OwnAddress(AddressKind.SNAT, remedy)
            ours = (a for a in addresses if director.name in (owner, pool.backup(a)))
            found |= dict.fromkeys(ours, own)
    return found


def level(used: int, before: Level = Level.FINE) -> Level:
    """Return how pressing so many used ports are; ``before`` is the last answer."""
    share = used / CLIENT_PORTS
    reached = (one for one, start in _FROM.items() if share >= start - (MARGIN if before >= one else 0.0))
    return max(reached, default=Level.FINE)


def alarms(
    uses: Mapping[IPAddress, AddressUse],
    own: Mapping[IPAddress, OwnAddress],
    before: Mapping[IPAddress, PortAlarm],
) -> dict[IPAddress, PortAlarm]:
    """Return the addresses whose ports run out, the fullest first; ``before`` is the last answer."""
    found = {}
    for address, use in sorted(uses.items(), key=lambda item: item[1].used, reverse=True):
        last = before[address].level if address in before else Level.FINE
        reached = level(use.used, last)
        if reached:
            what = own[address]
            text = (
                f"{what.kind.value} address {address} uses {use.used} of {CLIENT_PORTS} ports "
                f"to {use.fullest}: {what.remedy}"
            )
            found[address] = PortAlarm(reached, text)
    return found
