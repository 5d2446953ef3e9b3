"""An FRR in memory that behaves as the real one."""

from __future__ import annotations

from collections.abc import Sequence

from clusterlb.core.vrrp import Place, place_of
from clusterlb.drivers.frr.conflict import obstacles_to
from clusterlb.drivers.frr.merge import merge
from clusterlb.drivers.frr.text import without_empty_interfaces
from clusterlb.drivers.interface import BfdSession, DriverError, FrrLockedError, OspfNeighbor
from clusterlb.model.address import AddressFamily
from clusterlb.model.lsdb import Databases, Lsdb
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpRouter, VrrpState

ADJACENT = OspfNeighbor("10.1.0.254", "e0", "Full/DROther", "10.1.1.254")
ADJACENT6 = OspfNeighbor("10.1.0.254", "e0", "Full", family=AddressFamily.IPV6)
SESSION = BfdSession("10.1.1.254", "e0")


class FakeFrr:
    """Implements ``FrrDriver``.

    ``lines``: the running configuration, foreign lines included. ``rejects``: lines that FRR refuses.
    ``refuses``: the error of every change, if not empty. ``locked``: number of calls for which another
    session holds the lock. ``elected_elsewhere``: virtual routers of which another director is master;
    ``received``: the number of advertisements received. ``stuck``: a daemon that does not answer.
    ``stuck6``: the error of ospf6d alone. ``applied``: number of changes that took effect.
    """

    def __init__(self, lines: Sequence[FrrLine] = (), neighbors: Sequence[OspfNeighbor] = ()) -> None:
        self.lines = tuple(lines)
        self.adjacent = tuple(neighbors)
        self.sessions = frozenset({SESSION})
        self.elected_elsewhere: set[Place] = set()
        self.received: dict[Place, int] = {}
        self.lsdb = Databases(Lsdb())
        self.rejects: set[str] = set()
        self.refuses = ""
        self.locked = 0
        self.stuck: str | None = None
        self.stuck6 = ""
        self.applied = 0

    async def read(self) -> tuple[FrrLine, ...]:
        """Return the running configuration."""
        self._answer()
        return self.lines

    async def configure(self, add: Sequence[FrrLine], remove: Sequence[FrrLine]) -> tuple[FrrLine, ...]:
        """Add and remove lines and return the configuration that runs afterwards.

        Raises DriverError, with nothing changed, for a line in ``rejects`` and for conflicting lines.
        """
        self._answer()
        obstacles = obstacles_to(self.lines, add, remove)
        if obstacles:
            raise DriverError("; ".join(obstacles))
        target = without_empty_interfaces(merge(self.lines, add, remove))
        rejected = next((line for line in target if line.text in self.rejects), None)
        if rejected:
            raise DriverError(
                f"FRR rejects `{rejected.text}` (unknown command); the old configuration keeps running"
            )
        if target != self.lines:
            if self.locked:
                self.locked -= 1
                raise FrrLockedError("FRR's configuration is locked by another session")
            if self.refuses:
                raise DriverError(self.refuses)
            self.lines = target
            self.applied += 1
        return self.lines

    async def neighbors(self, family: AddressFamily) -> tuple[OspfNeighbor, ...]:
        """Return ``adjacent`` of a family, without OSPFv2's neighbours on passive interfaces."""
        self._answer()
        if family is AddressFamily.IPV6:
            if self.stuck6:
                raise DriverError(f"FRR's ospf6d {self.stuck6}")
            return tuple(each for each in self.adjacent if each.family is family)
        own = (each for each in self.adjacent if each.family is family)
        return tuple(each for each in own if not self._passive(each.interface))

    async def databases(self, *, ipv6: bool) -> Databases:
        """Return ``lsdb``."""
        self._answer()
        return self.lsdb

    async def bfd_up(self) -> frozenset[BfdSession]:
        """Return the BFD sessions that are up."""
        self._answer()
        return self.sessions

    async def virtual_routers(self) -> tuple[VrrpRouter, ...]:
        """Return the configured virtual routers: masters, except those of ``elected_elsewhere``."""
        self._answer()
        places = dict.fromkeys(place for line in self.lines if (place := place_of(line)) is not None)
        return tuple(
            VrrpRouter(*place, version, self._elected(place), self.received.get(place, 0))
            for place in places
            for version in (4, 6)
            if any(
                line.text.startswith(f"vrrp {place[1]} {'ip' if version == 4 else 'ipv6'} ")
                for line in self.lines
                if place_of(line) == place
            )
        )

    def _elected(self, place: Place) -> VrrpState:
        interface, vrid = place
        if FrrLine((f"interface {interface}",), f"vrrp {vrid} shutdown") in self.lines:
            return VrrpState.INITIALIZE
        return VrrpState.BACKUP if place in self.elected_elsewhere else VrrpState.MASTER

    def _passive(self, interface: str) -> bool:
        own = {line.text for line in self.lines if line.context == (f"interface {interface}",)}
        default = FrrLine(("router ospf",), "passive-interface default") in self.lines
        return "ip ospf passive" in own or (default and "no ip ospf passive" not in own)

    def _answer(self) -> None:
        if self.stuck:
            raise DriverError(f"FRR's {self.stuck} did not answer within 5 s")
