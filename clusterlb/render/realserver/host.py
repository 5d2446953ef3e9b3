"""The needs of one host that is several members: the union of the members' needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clusterlb.model.address import IPAddress, endpoint_text
from clusterlb.model.inventory import Inventory, Member, Pool, Sorry
from clusterlb.render.realserver.needs import (
    LOOPBACK,
    Clamp,
    Listener,
    Needs,
    Place,
    RealServerError,
    Receiver,
    lowest,
    needs_of,
)


@dataclass(frozen=True, slots=True)
class Host:
    """The needs of all members of one host; a property for each part of a configuration."""

    members: tuple[Needs, ...]

    @property
    def names(self) -> str:
        """Return the addresses of its members."""
        return " ".join(str(member.address) for member in self.members)

    @property
    def settings(self) -> dict[str, str]:
        """Return the kernel settings, by their path under /proc/sys."""
        return {
            key: value
            for member in self.members
            for part in (member.quiet, member.loose, member.spread)
            for key, value in part.items()
        }

    @property
    def receivers(self) -> tuple[tuple[Receiver, IPAddress], ...]:
        """Return the devices that decapsulate, each with its local address."""
        return tuple((each, member.address) for member in self.members for each in member.receivers)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Return the UDP ports of GUE."""
        return tuple(dict.fromkeys(each for member in self.members for each in member.listeners))

    @property
    def places(self) -> tuple[Place, ...]:
        """Return the VIPs with their devices."""
        return tuple(dict.fromkeys(each for member in self.members for each in member.places))

    @property
    def clamps(self) -> tuple[Clamp, ...]:
        """Return the limits of segment sizes."""
        return lowest(each for member in self.members for each in member.clamps)

    @property
    def routed(self) -> tuple[Needs, ...]:
        """Return one member for each default route."""
        return tuple({member.default: member for member in self.members if member.gateways}.values())

    def vips_on(self, device: str = LOOPBACK) -> tuple[IPAddress, ...]:
        """Return the VIPs that a device holds."""
        return tuple(place.vip for place in self.places if place.device == device)


def host_of(inventory: Inventory, addresses: Iterable[IPAddress]) -> Host:
    """Return the needs of the host with these members' addresses. Raises RealServerError."""
    seen = {4: 0, 6: 0}
    members = []
    for address in dict.fromkeys(addresses):
        seen[address.version] += 1
        number = seen[address.version]
        members.append(needs_of(inventory, address, "" if number == 1 else str(number)))
    return Host(tuple(members))


def members_of(inventory: Inventory, pool: str | None = None) -> tuple[IPAddress, ...]:
    """Return the addresses of the members of one pool, or of all. Raises RealServerError."""
    if pool is not None and pool not in inventory.pools:
        raise RealServerError(f"there is no pool {pool!r}; there are: {', '.join(inventory.pools)}")
    pools = inventory.pools.values() if pool is None else (inventory.pools[pool],)
    return tuple(dict.fromkeys(member.address for each in pools for member in _all(each)))


def member_named(inventory: Inventory, name: str) -> IPAddress:
    """Return the address of the member ``ADDRESS`` or ``ADDRESS:PORT``. Raises RealServerError."""
    for pool in inventory.pools.values():
        for member in _all(pool):
            if name in (str(member.address), endpoint_text(member.address, member.port)):
                return member.address
    known = ", ".join(str(address) for address in members_of(inventory))
    raise RealServerError(f"{name} is no member of a pool; there are: {known}")


def _all(pool: Pool) -> tuple[Member | Sorry, ...]:
    return (*pool.members, pool.sorry) if pool.sorry else pool.members
